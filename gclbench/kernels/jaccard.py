"""k-reciprocal Jaccard distance (Zhong et al., CVPR 2017), kept sparse.

Source    specs: evaluation.md 4 (clustering) and 6 (re-ranking).
Names     d_ij squared distance; N(i, k) nearest neighbours, self first; R(i, k) the reciprocal
          ones; R*(i) their expansion; V row-stochastic weights; J = 1 - s / (2 - s), s = sum_l
          min(V_il, V_jl).
Memory    A row of V holds about a hundred weights, and two rows that share none are at distance
          1: both V and the pairs below 1 are kept as sparse rows, never an N x N array.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from gclbench.errors import UsageError
from gclbench.kernels.jit import jit, over_rows, results_over_rows
from gclbench.kernels.similarity import (
    dot,
    farthest_distances,
    finite_rows,
    nearest_of,
)
from gclbench.kernels.sparse import Columns, Floats, Ints, SparseDistances, SparseRows, offsets_of
from gclbench.kernels.spot_checks import (
    check_expansion,
    check_jaccard,
    check_pair_distances,
    check_sets,
)

Neighbours = Literal["faiss", "classic"]
_FARTHEST = 600.0  # exp(-600) is far from 0 and from any weight that counts
ZERO_BELOW = 1e-6  # rounding leaves 1e-8 where J is zero; the rho rule must not see that


def jaccard_distances(
    features: Any, k1: int, k2: int, neighbours: Neighbours = "faiss"
) -> SparseDistances:
    """Return the Jaccard distance of every pair of unit rows.

    Shapes      features (N, D) -> N x N, sparse. On a GPU the neighbours are found there.
    neighbours  "faiss" (GCL, SpCL, OpenUnReID; D-16): the table has k1 entries including self, so
                N(i, k1) has k1 entries, N(i, h) with h = round_half_even(k1 / 2) has h + 1.
                "classic": the table has k1 + 1 entries and d is divided by row i's largest.
    Limits      k1, k2 >= 1. Fewer points, or k2 beyond the table: what there is gets used.
    Accuracy    1e-6 of float64; the same bits for any number of threads.
    Raises      ShapeError, UsageError.
    """
    check_neighbourhood(k1, k2, neighbours)
    matrix = finite_rows(features)
    table, near = nearest_of(matrix, k1 + (neighbours == "classic"))
    scale = np.ones(len(matrix))
    if neighbours == "classic":
        scale = np.maximum(farthest_distances(matrix).astype(np.float64), 1e-12)
    offsets, columns = expanded_sets(table, k1)
    raw = np.empty(len(columns))
    over_rows(
        _pair_distances, len(table), matrix.cpu().numpy(), offsets, columns, table, near, raw
    )
    check_pair_distances(matrix, offsets, columns, raw)
    raw /= np.repeat(scale, np.diff(offsets))
    return jaccard_of_sets(offsets, columns, raw, table[:, :k2])


def jaccard_of_sets(
    offsets: Ints, columns: Columns, distances: Floats, expansion: Ints
) -> SparseDistances:
    """Return J given each row's set R*(i) and its distances to the set.

    Shapes    offsets (N + 1,), columns and distances (offsets[-1],): CSR, no column twice in a
              row, no row empty; expansion (N, k2): the rows of V to average for row i.
    """
    return _sparse_jaccard(_query_expansion(_weights(offsets, columns, distances), expansion))


def check_neighbourhood(k1: int, k2: int, neighbours: str) -> None:
    """Raise UsageError for settings that name no neighbourhood."""
    if k1 < 1 or k2 < 1:
        raise UsageError(f"k1 = {k1}, k2 = {k2}: both must be at least 1.")
    if neighbours not in ("faiss", "classic"):
        raise UsageError(f"neighbours is '{neighbours}'.", "Allowed: classic, faiss.")


def _joined(parts: Iterator[tuple[NDArray[Any], ...]]) -> list[NDArray[Any]]:
    """Put the arrays of consecutive chunks together as they come: none is held twice."""
    whole = [array.copy() for array in next(parts)]
    for part in parts:
        for array, more in zip(whole, part, strict=True):
            used = len(array)
            array.resize(used + len(more), refcheck=False)
            array[used:] = more
    return whole


def expanded_sets(table: Ints, k1: int) -> tuple[Ints, Columns]:
    """Return R*(i) of every row of a neighbour table as (indptr, columns), in no set order."""
    half = min(round(k1 / 2) + 1, table.shape[1])  # Python rounds halves to even, as the rule asks
    full_sets, half_sets = _reciprocal_sets(table, table.shape[1]), _reciprocal_sets(table, half)
    counts, columns = _joined(results_over_rows(_expand, len(table), *full_sets, *half_sets))
    offsets = offsets_of(counts)
    check_sets(table, half, offsets, columns)
    return offsets, columns


def _reciprocal_sets(table: Ints, k: int) -> tuple[Columns, Ints]:
    members, sizes = np.empty((len(table), k), np.int32), np.zeros(len(table), np.int64)
    over_rows(_reciprocal, len(table), table, k, members, sizes)
    return members, sizes


def _weights(offsets: Ints, columns: Columns, distances: Floats) -> SparseRows:
    """V_ij = exp(-d_ij) / sum over R*(i); every R*(i) holds i, so no row is empty.

    No weight is 0, for `_overlaps` takes a pair without a share for one that it has not met. Where
    features have collapsed, d is divided by next to nothing, and exp(-d) would be 0.
    """
    raw = np.exp(-np.minimum(distances, _FARTHEST))
    sums = np.add.reduceat(raw, offsets[:-1])
    return SparseRows(offsets, columns, raw / np.repeat(sums, np.diff(offsets)))


def _query_expansion(weights: SparseRows, table: Ints) -> SparseRows:
    """V_i <- mean of V_j over the listed neighbours j of i."""
    if table.shape[1] == 1:
        return weights
    arrays = weights.indptr, weights.indices, weights.values, np.ascontiguousarray(table)
    counts, columns, values = _joined(results_over_rows(_average_rows, len(table), *arrays))
    expanded = SparseRows(offsets_of(counts), columns, values)
    check_expansion(weights, table, expanded)
    return expanded


def _sparse_jaccard(weights: SparseRows) -> SparseDistances:
    n = len(weights.indptr) - 1
    # Inverted index: for each column, who has weight there (rows ascending) and how much.
    held = scipy.sparse.csr_array(
        (weights.values, weights.indices, weights.indptr), shape=(n, n)
    ).tocsc()
    arrays = weights.indptr, weights.indices, weights.values, held.indptr, held.indices, held.data
    # The first rows have the most pairs to their right: small parts, so that no thread waits long.
    chunk = max(64, min(1024, n // 16))
    # Room for every meeting of two rows in a column, and never for more than all pairs (collapsed
    # features meet in every column); what is not written takes no memory.
    holders = np.diff(held.indptr).astype(np.int64)
    most = min(int((holders * (holders - 1) // 2).sum()), n * (n - 1) // 2)
    columns, values = np.empty(most, np.int32), np.empty(most, np.float32)
    counts, used = [], 0
    for count, column, value in results_over_rows(_overlaps, n, *arrays, chunk=chunk):
        end = used + len(column)
        columns[used:end], values[used:end] = column, value
        counts.append(count)
        used = end
    offsets = offsets_of(np.concatenate(counts))
    found = SparseDistances(offsets, columns[:used], values[:used], n)
    check_jaccard(weights, found)
    return found


@jit
def _reciprocal(start: int, stop: int, table: Ints, k: int, members: Columns, sizes: Ints) -> None:
    """R(i, k) over the first k table entries: members in table order, and how many."""
    for i in range(start, stop):
        for a in range(k):
            j = table[i, a]
            for b in range(k):
                if table[j, b] == i:
                    members[i, sizes[i]] = j
                    sizes[i] += 1
                    break


@jit
def _grown(array: NDArray[Any], used: int, size: int) -> NDArray[Any]:
    """Return `array`, or a longer copy when `size` more entries do not fit behind `used`."""
    if used + size <= len(array):
        return array
    longer = np.empty(2 * len(array) + size, array.dtype)
    longer[:used] = array[:used]
    return longer


@jit
def _expand(
    start: int,
    stop: int,
    full_sets: Columns,
    full_sizes: Ints,
    half_sets: Columns,
    half_sizes: Ints,
) -> tuple[Ints, Columns]:
    """Unite R(i, k1) with R(j, h) of its members that overlap it by more than 2/3."""
    n = full_sets.shape[0]
    counts = np.zeros(stop - start, dtype=np.int64)
    columns, used = np.empty(32 * (stop - start), dtype=np.int32), 0
    in_full, in_union = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    union = np.empty(n, dtype=np.int32)
    for i in range(start, stop):
        size = full_sizes[i]
        for a in range(size):
            j = full_sets[i, a]
            in_full[j] = i
            in_union[j] = i
            union[a] = j
        for a in range(full_sizes[i]):
            j = full_sets[i, a]
            shared = 0
            for b in range(half_sizes[j]):
                shared += in_full[half_sets[j, b]] == i
            if 3 * shared <= 2 * half_sizes[j]:
                continue
            for b in range(half_sizes[j]):
                candidate = half_sets[j, b]
                if in_union[candidate] != i:
                    in_union[candidate] = i
                    union[size] = candidate
                    size += 1
        columns = _grown(columns, used, size)
        columns[used : used + size] = union[:size]
        used += size
        counts[i - start] = size
    return counts, columns[:used].copy()


@jit
def _pair_distances(
    start: int,
    stop: int,
    matrix: NDArray[np.float32],
    offsets: Ints,
    columns: Columns,
    table: Ints,
    near: NDArray[np.float32],
    out: Floats,
) -> None:
    """d of each row to the points of its set: from the table of neighbours, else computed."""
    known = np.full(len(matrix), -1.0, dtype=np.float32)
    for i in range(start, stop):
        for a in range(table.shape[1]):
            known[table[i, a]] = near[i, a]
        for e in range(offsets[i], offsets[i + 1]):
            out[e] = known[columns[e]]
            if out[e] < 0:
                out[e] = np.float32(max(2.0 - 2.0 * dot(matrix[i], matrix[columns[e]]), 0.0))
        for a in range(table.shape[1]):
            known[table[i, a]] = -1.0


@jit
def _average_rows(
    start: int, stop: int, indptr: Ints, indices: Columns, values: Floats, table: Ints
) -> tuple[Ints, Columns, Floats]:
    """Mean of the rows listed in `table`."""
    n, k = table.shape
    counts = np.zeros(stop - start, dtype=np.int64)
    columns, averages = np.empty(64 * (stop - start), np.int32), np.empty(64 * (stop - start))
    used = 0
    total, seen = np.zeros(n), np.full(n, -1, dtype=np.int32)
    touched = np.empty(n, dtype=np.int32)
    for i in range(start, stop):
        size = 0
        for a in range(k):
            j = table[i, a]
            for e in range(indptr[j], indptr[j + 1]):
                column = indices[e]
                if seen[column] != i:
                    seen[column] = i
                    total[column] = 0.0
                    touched[size] = column
                    size += 1
                total[column] += values[e]
        columns, averages = _grown(columns, used, size), _grown(averages, used, size)
        for e in range(size):
            columns[used] = touched[e]
            averages[used] = total[touched[e]] / k
            used += 1
        counts[i - start] = size
    return counts, columns[:used].copy(), averages[:used].copy()


@jit
def _overlaps(
    start: int,
    stop: int,
    indptr: Ints,
    indices: Columns,
    values: Floats,
    column_ptr: Columns,
    holders: Columns,
    held: Floats,
) -> tuple[Ints, Columns, NDArray[np.float32]]:
    """For each row i, every j > i that shares weight with it and the pair's Jaccard distance."""
    n = len(indptr) - 1
    counts = np.zeros(stop - start, dtype=np.int64)
    shared, touched = np.zeros(n), np.empty(n + 1, dtype=np.int32)
    # Room as above; one more, since a pair is written before it is known to be kept.
    room = 1
    for i in range(start, stop):
        meetings = 0
        for e in range(indptr[i], indptr[i + 1]):
            meetings += int(column_ptr[indices[e] + 1] - column_ptr[indices[e]])
        room += min(meetings, n - 1 - i)
    columns, distances = np.empty(room, np.int32), np.empty(room, np.float32)
    used = 0
    for i in range(start, stop):
        before, size = used, 0
        for e in range(indptr[i], indptr[i + 1]):
            weight = values[e]
            for h in range(column_ptr[indices[e] + 1] - 1, column_ptr[indices[e]] - 1, -1):
                j = holders[h]
                if j <= i:
                    break
                touched[size] = j  # kept if j is new; no branch to guess wrong
                size += shared[j] == 0.0
                shared[j] += min(weight, held[h])
        for e in range(size):
            s = shared[touched[e]]
            shared[touched[e]] = 0.0
            distance = 1.0 - s / (2.0 - s)
            rounded = np.float32(distance if distance >= ZERO_BELOW else 0.0)
            columns[used], distances[used] = touched[e], rounded
            used += int(rounded < 1.0)  # a share lost in float32 is a distance of 1
        counts[i - start] = used - before
    return counts, columns[:used], distances[:used]
