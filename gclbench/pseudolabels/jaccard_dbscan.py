"""Pseudo identities for stage 3: Jaccard distance on the memory bank, then DBSCAN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import UsageError
from gclbench.kernels.dbscan import dbscan, rho_eps
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.kernels.sparse import SparseDistances
from gclbench.pseudolabels.base import Labelling, Unlabelled
from gclbench.registry import register

# DBSCAN needs eps < 1: at 1 everything is one cluster.
_LARGEST_EPS = float(np.nextafter(np.float32(1), np.float32(0)))


@dataclass(frozen=True)
class PseudoLabels:
    """labels (N,) int64, 0 .. clusters - 1, -1 for an outlier; eps as used; how many of each."""

    labels: NDArray[np.int64]
    eps: float
    clusters: int
    outliers: int


def radius_of(distances: SparseDistances, rho: float, eps_rule: str) -> float:
    """DBSCAN's radius by the rho rule, below 1; "rho_all" counts the pairs at distance 0 too."""
    return min(rho_eps(distances, rho, zeros=eps_rule == "rho_all"), _LARGEST_EPS)


def pseudo_labels(
    bank_rows: Any,
    *,
    k1: int = 30,
    k2: int = 6,
    eps_rule: Literal["constant", "rho", "rho_all"] = "constant",
    eps: float = 0.5,
    rho: float = 0.002,
    min_samples: int = 4,
) -> PseudoLabels:
    """Cluster unit bank rows (N, D); keywords are the fields of `schema.PseudoLabelSettings`
    but for `method`.

    Source    gcl.md 5: neighbourhoods in FAISS style (D-16); eps constant, or by the rho rule
              (D-15), over the pairs that are not 0 or, by "rho_all", over all. Outliers keep -1:
              not trained on, negatives for everyone (D-14).
    Raises    ShapeError, UsageError.
    """
    if eps_rule not in ("constant", "rho", "rho_all"):
        raise UsageError(f"eps_rule is '{eps_rule}'.", "Allowed: constant, rho, rho_all.")
    distances = jaccard_distances(bank_rows, k1, k2)
    used = eps if eps_rule == "constant" else radius_of(distances, rho, eps_rule)
    labels = dbscan(distances, used, min_samples)
    return PseudoLabels(labels, used, int(labels.max()) + 1, int((labels < 0).sum()))


@register("pseudolabels", "jaccard_dbscan", revision=1)
def jaccard_dbscan(known: Unlabelled) -> Labelling:
    """Jaccard + DBSCAN: k-reciprocal Jaccard distance of the memory's rows, then DBSCAN.

    Told by the fields of `joint.pseudo_labels`; see `pseudo_labels`.
    """
    found = pseudo_labels(known.rows, **known.settings)
    return Labelling(found.labels, {"eps": float(found.eps)})
