"""Clusters of features that change, found with the radius of the first time: MMT's and SSG's.

Source    the public codes of MMT (its DBSCAN script) and SSG, as UDAP's before them: Jaccard
          distance of classic neighbourhoods, DBSCAN, eps by the rho rule in the first round and
          kept from there on. Which pairs the rule counts and whether rows are taken at unit
          length differs: see the stages.
Memory    the pairs that share neighbours, never N x N.
"""

from __future__ import annotations

from typing import Any, Literal

from gclbench.kernels.dbscan import OUTLIER, dbscan
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.kernels.raw_rows import raw_jaccard_distances
from gclbench.pseudolabels.jaccard_dbscan import PseudoLabels, radius_of


def kept_radius_labels(
    rows: Any,
    eps: float | None,
    *,
    k1: int = 20,
    k2: int = 6,
    rho: float = 1.6e-3,
    min_samples: int = 4,
    eps_rule: Literal["rho", "rho_all"] = "rho",
    unit: bool = True,
) -> PseudoLabels:
    """Cluster unit rows (N, D); `eps` None: by the rho rule on these rows, else the one to keep.

    With `unit=False` the rows may have any length, and distances are theirs. Outliers are -1.
    Raises ShapeError, UsageError.
    """
    if unit:
        distances = jaccard_distances(rows, k1, k2, "classic")
    else:
        distances = raw_jaccard_distances(rows, k1, k2)
    used = radius_of(distances, rho, eps_rule) if eps is None else eps
    labels = dbscan(distances, used, min_samples)
    return PseudoLabels(labels, used, int(labels.max()) + 1, int((labels == OUTLIER).sum()))
