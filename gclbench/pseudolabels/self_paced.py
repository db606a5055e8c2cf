"""SpCL's labels: clusters that stay what they are when the radius changes, all others dissolved.

Source    Ge et al., "Self-paced Contrastive Learning with Hybrid Memory", NeurIPS 2020,
          and the public code, which works with 1 - R: small is reliable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.dbscan import dbscan
from gclbench.kernels.jaccard import jaccard_distances

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SelfPacedLabels:
    """labels (N,) int64, 0 ... groups - 1: first the clusters, then every other image by itself.

    `limit`: the largest 1 - R_indep at which a cluster is kept; None where there was no cluster
    yet to take it from. `found`: clusters of DBSCAN before any was dissolved.
    """

    labels: Ints
    groups: int
    clusters: int
    found: int
    limit: float | None


def self_paced_labels(
    bank_rows: Any,
    *,
    k1: int = 30,
    k2: int = 6,
    eps: float = 0.6,
    eps_gap: float = 0.02,
    min_samples: int = 4,
    independence_share: float = 0.9,
    limit: float | None = None,
) -> SelfPacedLabels:
    """Cluster unit rows (N, D) at eps and eps -+ eps_gap, keep what the three agree on.

    `limit` is that of the first epoch; None takes it from this clustering. Never an N x N array:
    one sparse Jaccard distance serves all three. Raises ShapeError, UsageError.
    """
    distances = jaccard_distances(bank_rows, k1, k2)
    normal, tight, loose = (
        dbscan(distances, radius, min_samples) for radius in (eps, eps - eps_gap, eps + eps_gap)
    )
    return reliable(normal, tight, loose, independence_share, limit)


def reliable(
    normal: Ints, tight: Ints, loose: Ints, share: float = 0.9, limit: float | None = None
) -> SelfPacedLabels:
    """Dissolve clusters that are not independent, and part from each what is not compact.

    With I(i) an image's cluster, 1 - R_indep = 1 - |I & I_loose| / |I or I_loose| and 1 - R_comp
    the same with I_tight; an outlier is a cluster of one. A cluster counts by its least value of
    1 - R_indep, which must not exceed the limit: the value at place round(share * clusters) of the
    first epoch's, sorted. Of a kept cluster stay the images whose 1 - R_comp is its least.

    Shapes    three labellings (N,), -1 for outliers. Raises ShapeError, UsageError.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"share is {share}, it must lie between 0 and 1.")
    dependence, looseness = overlap_loss(normal, loose), overlap_loss(normal, tight)
    found = int(normal.max(initial=-1)) + 1
    inside = normal >= 0
    own = normal[inside]
    least_dependence, least_looseness = np.full(found, np.inf), np.full(found, np.inf)
    np.minimum.at(least_dependence, own, dependence[inside])
    np.minimum.at(least_looseness, own, looseness[inside])
    # DBSCAN can leave a cluster of one image: its neighbours joined others.
    several = np.sort(least_dependence[np.bincount(own, minlength=found) > 1])
    if limit is None and len(several):
        # np.round goes half to even, as in the code.
        limit = float(several[min(len(several) - 1, int(np.round(share * len(several))))])
    kept = np.zeros(len(normal), dtype=bool)
    if limit is not None:
        kept[inside] = (least_dependence[own] <= limit) & (
            looseness[inside] <= least_looseness[own]
        )
    return _numbered(normal, kept, found, limit)


def overlap_loss(first: Ints, second: Ints) -> NDArray[np.float64]:
    """1 - |A(i) & B(i)| / |A(i) or B(i)| for every point i: two labellings (N,) -> (N,).

    A(i), B(i): the points that share i's label; a point labelled -1 is alone.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise ShapeError(f"labellings are {first.shape} and {second.shape}, not (N,) and (N,).")
    one, other = _alone(first), _alone(second)
    size_one, size_other = np.bincount(one)[one], np.bincount(other)[other]
    pairs = one.astype(np.int64) * (int(other.max(initial=0)) + 1) + other
    _, inverse, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    shared = counts[inverse]
    loss: NDArray[np.float64] = 1 - shared / (size_one + size_other - shared)
    return loss


def _alone(labels: Ints) -> Ints:
    """Give every -1 a number of its own."""
    own, outside = labels.copy(), labels < 0
    own[outside] = int(labels.max(initial=-1)) + 1 + np.arange(outside.sum())
    return own


def _numbered(
    normal: Ints, kept: NDArray[np.bool_], found: int, limit: float | None
) -> SelfPacedLabels:
    # A cluster of which one image stays is a single image.
    sizes = np.bincount(normal[kept], minlength=found)
    kept = kept & (sizes[normal] > 1) if found else kept
    labels = np.empty(len(normal), dtype=np.int64)
    names, labels[kept] = np.unique(normal[kept], return_inverse=True)
    single = ~kept
    labels[single] = len(names) + np.arange(single.sum())
    return SelfPacedLabels(labels, len(names) + int(single.sum()), len(names), found, limit)
