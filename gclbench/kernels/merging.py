"""One merging round of bottom-up clustering: the nearest pairs of clusters become one.

Two samples i < j of different clusters are D_ij = |e_i - e_j|^2 + penalty (|c_i| + |c_j|) apart,
|c| the number of samples; two clusters as far as their nearest samples. Distances are summed in
float64 and rounded to multiples of 2^-24, so that the order of summation is lost and ties are
ties; equal ones are ordered by (i, j).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.jit import jit
from gclbench.kernels.plausible import check_labels
from gclbench.kernels.similarity import finite_rows

Ints = NDArray[np.int64]
GRID = float(1 << 24)
_BLOCK = 256
_LARGEST = np.iinfo(np.int64).max


def merge_clusters(features: Any, labels: Any, merges: int, size_penalty: float) -> Ints:
    """Merge pairs of clusters, nearest first, until `merges` clusters have disappeared.

    Source    Lin et al., "A Bottom-Up Clustering Approach", AAAI 2019, and its official code,
              which sorts all pairs of samples. Here the m (m + 1) / 2 nearest pairs of clusters
              are kept for m merges, which is enough: every pair up to the last merge lies within
              a group that has been formed by then, and the groups that m merges form hold no more
              pairs than one of m + 1 clusters does.
    Shapes    features (N, D), labels (N,) int64 in 0 ... C - 1 -> labels (N,) in 0 ... C - merges
              - 1, in the order of the smallest old label of each group. Sizes and distances are
              those before the round; groups grow in chains within it.
    Memory    a block of rows of D and the pairs that are kept: never N x N.
    Raises    ShapeError; UsageError for features that are not finite, a gap in the labels, a
              negative penalty, or merges outside 0 ... C - 1.
    """
    matrix = finite_rows(features).cpu()
    old = np.ascontiguousarray(labels, dtype=np.int64)
    if old.shape != (len(matrix),):
        raise ShapeError(f"labels have shape {old.shape}, features {tuple(matrix.shape)}.")
    if size_penalty < 0:
        raise UsageError(f"the size penalty is {size_penalty}, it must be at least 0.")
    if int(old.min()) < 0:
        raise UsageError("a sample has no cluster (label -1).")
    sizes = np.bincount(old)
    if not sizes.all():
        raise UsageError("labels have gaps: a cluster below the largest one is empty.")
    if not 0 <= merges < len(sizes):
        raise UsageError(f"{merges} merges of {len(sizes)} clusters.", "Leave one cluster.")
    if merges == 0:
        return old
    kept = min(merges * (merges + 1) // 2, len(sizes) * (len(sizes) - 1) // 2)
    penalties = size_penalty * sizes.astype(np.float64)
    pairs = _nearest_cluster_pairs(matrix.double(), old, penalties, kept)
    groups = _join(old[pairs[:, 1]], old[pairs[:, 2]], len(sizes), merges)
    merged = np.unique(groups, return_inverse=True)[1][old].astype(np.int64)
    check_labels(merged)
    return merged


def _nearest_cluster_pairs(
    matrix: torch.Tensor, labels: Ints, penalties: NDArray[np.float64], kept: int
) -> Ints:
    """The `kept` nearest pairs of clusters, ascending: rows of (D on the grid, i, j)."""
    squares = (matrix * matrix).sum(dim=1)
    found = np.empty((0, 3), dtype=np.int64)
    waiting: list[Ints] = []
    limit, count = _LARGEST, 0
    nearest = np.full(len(penalties), _LARGEST)
    place = np.empty(len(penalties), dtype=np.int64)
    for start in range(0, len(matrix), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = squares[rows, None] + squares[None, start:]
        block.addmm_(matrix[rows], matrix[start:].T, alpha=-2)
        new = _pairs_of_block(block.numpy(), start, labels, penalties, limit, nearest, place)
        waiting.append(new)
        count += len(new)
        if count > max(kept, len(matrix)):
            found = _distinct(np.concatenate([found, *waiting]), labels, len(penalties), kept)
            waiting, count = [], 0
            limit = int(found[-1, 0]) if len(found) == kept else _LARGEST
    return _distinct(np.concatenate([found, *waiting]), labels, len(penalties), kept)


def _distinct(pairs: Ints, labels: Ints, clusters: int, kept: int) -> Ints:
    """The first pair of samples of each pair of clusters; the `kept` nearest, ascending."""
    pairs = pairs[np.lexsort((pairs[:, 2], pairs[:, 1], pairs[:, 0]))]
    ends = np.sort(labels[pairs[:, 1:]], axis=1)
    first = np.unique(ends[:, 0] * clusters + ends[:, 1], return_index=True)[1]
    return pairs[np.sort(first)[:kept]]


@jit
def _pairs_of_block(
    distances: NDArray[np.float64],
    start: int,
    labels: Ints,
    penalties: NDArray[np.float64],
    limit: int,
    nearest: Ints,
    place: Ints,
) -> Ints:
    """For each row its nearest later sample of every other cluster, where within `limit`.

    distances (R, N - start) of samples start ... start + R - 1 to samples start ... N - 1;
    `nearest` (C,) is full of the largest integer before and after, `place` (C,) is scratch.
    """
    touched = np.empty(len(nearest), dtype=np.int64)
    found = np.empty((1024, 3), dtype=np.int64)
    used = 0
    for r in range(len(distances)):
        own, count = labels[start + r], 0
        for c in range(r + 1, distances.shape[1]):
            other = labels[start + c]
            if other == own:
                continue
            gap = max(distances[r, c], 0.0) + penalties[own] + penalties[other]
            steps = np.int64(np.rint(gap * GRID))
            if steps > limit or steps >= nearest[other]:
                continue
            if nearest[other] == _LARGEST:
                touched[count] = other
                count += 1
            nearest[other], place[other] = steps, start + c
        if used + count > len(found):
            larger = np.empty((max(2 * len(found), used + count), 3), dtype=np.int64)
            larger[:used] = found[:used]
            found = larger
        for t in range(count):
            other = touched[t]
            found[used, 0], found[used, 1] = nearest[other], start + r
            found[used, 2] = place[other]
            nearest[other] = _LARGEST
            used += 1
    return found[:used]


@jit
def _join(a: Ints, b: Ints, clusters: int, merges: int) -> Ints:
    """Unite pairs (a, b) in order until `merges` unions are done: each cluster's smallest."""
    parent = np.arange(clusters)
    for e in range(len(a)):
        if merges == 0:
            break
        one, other = a[e], b[e]
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        while parent[other] != other:
            parent[other] = parent[parent[other]]
            other = parent[other]
        if one != other:
            parent[max(one, other)] = min(one, other)
            merges -= 1
    for c in range(clusters):
        parent[c] = parent[parent[c]]  # a parent is never larger than its child
    return parent
