"""DBSCAN on precomputed distances, and the eps rules (specs: evaluation.md 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import UsageError
from gclbench.kernels.jit import jit
from gclbench.kernels.plausible import check_labels
from gclbench.kernels.sparse import SparseDistances

Ints = NDArray[np.int64]
OUTLIER = -1


def dbscan(distances: SparseDistances, eps: float, min_samples: int) -> Ints:
    """Return each point's cluster, -1 for an outlier, as scikit-learn on the dense matrix.

    A point is core if at least `min_samples` points, itself included, lie within eps (<=, both in
    float32, as scikit-learn compares float32 matrices). Clusters are numbered by their first core
    point; a border point joins the lowest-numbered one it touches. Raises UsageError unless
    0 <= eps < 1 (at 1 all pairs that are not stored would be neighbours) and min_samples >= 1.
    """
    if not 0 <= eps < 1 or np.float32(eps) == 1:
        raise UsageError(f"eps is {eps}, it must be at least 0 and below 1.")
    if min_samples < 1:
        raise UsageError(f"min_samples is {min_samples}, it must be at least 1.")
    pairs = _pairs_within(distances.indptr, distances.indices, distances.values, np.float32(eps))
    labels = _dbscan(*pairs, distances.n, min_samples)
    check_labels(labels)
    return labels


def rho_count(count: int, rho: float) -> int:
    """Return how many of `count` > 0 pairs the rho rule averages: their share rho, but at least 1.

    Rounding goes half to even. Raises UsageError for rho <= 0.
    """
    if not rho > 0:
        raise UsageError(f"rho is {rho}, it must be above 0.")
    return min(count, max(1, round(rho * count)))


def rho_eps(distances: SparseDistances, rho: float, *, zeros: bool = False) -> float:
    """Return eps = mean of the n smallest non-zero pair distances, n = rho_count(count, rho).

    Each pair counts once; a pair that is not stored has distance 1; exact zeros are dropped
    (D-15), or with `zeros` stand in the mean like any other. All pairs zero: 0.
    """
    kept = distances.values if zeros else distances.values[distances.values > 0]
    stored = kept.astype(np.float64)
    pairs = distances.n * (distances.n - 1) // 2
    absent = pairs - len(distances.values)
    return _mean_of_smallest(stored, absent, rho)


def _mean_of_smallest(stored: NDArray[np.float64], absent: int, rho: float) -> float:
    if not rho > 0:
        raise UsageError(f"rho is {rho}, it must be above 0.")
    count = len(stored) + absent
    if count == 0:
        return 0.0
    n = rho_count(count, rho)
    if n > len(stored):
        return float((stored.sum() + (n - len(stored))) / n)
    return float(np.partition(stored, n - 1)[:n].mean())


@jit
def _root(parent: Ints, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@jit
def _pairs_within(
    indptr: Ints, indices: NDArray[np.int32], values: NDArray[np.float32], eps: np.float32
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The stored pairs with a distance of at most eps: few of many, so looked for but once."""
    count = 0
    for e in range(len(values)):
        count += values[e] <= eps
    rows, columns = np.empty(count, np.int32), np.empty(count, np.int32)
    used = 0
    for i in range(len(indptr) - 1):
        for e in range(indptr[i], indptr[i + 1]):
            if values[e] <= eps:
                rows[used], columns[used] = i, indices[e]
                used += 1
    return rows, columns


@jit
def _dbscan(rows: NDArray[np.int32], columns: NDArray[np.int32], n: int, min_samples: int) -> Ints:
    """Cluster n points of which the pairs (rows, columns) are neighbours."""
    within = np.ones(n, dtype=np.int64)
    for e in range(len(rows)):
        within[rows[e]] += 1
        within[columns[e]] += 1
    parent = np.arange(n)
    for e in range(len(rows)):
        if within[rows[e]] >= min_samples and within[columns[e]] >= min_samples:
            a, b = _root(parent, rows[e]), _root(parent, columns[e])
            parent[max(a, b)] = min(a, b)  # a root is its component's first core point
    labels = np.full(n, OUTLIER, dtype=np.int64)
    clusters = 0
    for i in range(n):
        if within[i] >= min_samples:
            root = _root(parent, i)
            if root == i:
                labels[i] = clusters
                clusters += 1
            labels[i] = labels[root]
    border = np.full(n, clusters, dtype=np.int64)
    for e in range(len(rows)):
        i, j = rows[e], columns[e]
        if within[i] >= min_samples:
            border[j] = min(border[j], labels[i])
        if within[j] >= min_samples:
            border[i] = min(border[i], labels[j])
    for i in range(n):
        if within[i] < min_samples and border[i] < clusters:
            labels[i] = border[i]
    return labels
