"""Clusters of features that change, found with the radius of the first time: MMT's and SSG's.

Source    the public codes of MMT (its DBSCAN script) and SSG, as UDAP's before them: Jaccard
          distance of classic neighbourhoods, DBSCAN, eps by the rho rule in the first round and
          kept from there on.
Memory    the pairs that share neighbours, never N x N.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gclbench.kernels.dbscan import OUTLIER, dbscan, rho_eps
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.pseudolabels.jaccard_dbscan import PseudoLabels

# At 1 everything would be one cluster.
_LARGEST_EPS = float(np.nextafter(np.float32(1), np.float32(0)))


def kept_radius_labels(
    rows: Any,
    eps: float | None,
    *,
    k1: int = 20,
    k2: int = 6,
    rho: float = 1.6e-3,
    min_samples: int = 4,
) -> PseudoLabels:
    """Cluster unit rows (N, D); `eps` None: by the rho rule on these rows, else the one to keep.

    Outliers are -1. Raises ShapeError, UsageError.
    """
    distances = jaccard_distances(rows, k1, k2, "classic")
    used = min(rho_eps(distances, rho), _LARGEST_EPS) if eps is None else eps
    labels = dbscan(distances, used, min_samples)
    return PseudoLabels(labels, used, int(labels.max()) + 1, int((labels == OUTLIER).sum()))
