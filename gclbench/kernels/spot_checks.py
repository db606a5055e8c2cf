"""A few drawn rows and pairs of every clustering, computed again by plain loops.

They cost some milliseconds, a hundredth of what they watch. Which rows are looked at depends on
their number alone and decides no result: each check returns nothing, or raises
ImpossibleResultError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import ImpossibleResultError

if TYPE_CHECKING:
    from gclbench.kernels.jaccard import SparseDistances, SparseRows

Ints = NDArray[np.int64]
_ROWS = 4
_PAIR_ROWS = 8  # and as many partners of each: 64 pairs
_ROUNDING = 1e-6
_NEAR_ROUNDING = 1e-4  # float32 products, and lower precision where torch is allowed it


def check_nearest(matrix: Tensor, indices: Ints, distances: NDArray[np.float32]) -> None:
    """Lists begin with the point itself, name nobody twice, and reach as far as a plain search."""
    drawn = _drawn(len(matrix), _ROWS)
    products = (matrix[torch.as_tensor(drawn)] @ matrix.T).double().cpu().numpy()
    everyone = np.maximum(2 - 2 * products, 0)
    everyone[np.arange(len(drawn)), drawn] = 0
    width, rounding = indices.shape[1], _NEAR_ROUNDING * max(1.0, float(np.abs(products).max()))
    for i, row in zip(drawn, everyone, strict=True):
        expected = np.sort(np.partition(row, width - 1)[:width])
        listed, near = indices[i], distances[i]
        if listed[0] != i or len(set(listed.tolist())) < width or (np.diff(near) < 0).any():
            raise ImpossibleResultError("a list of nearest neighbours is out of order")
        if not np.allclose(near, expected, rtol=0, atol=rounding):
            raise ImpossibleResultError("a list of nearest neighbours differs from a plain search")


def check_sets(table: Ints, half: int, offsets: Ints, columns: NDArray[np.int32]) -> None:
    """R*(i) equals the rule of Zhong et al., 2017, in Python sets."""
    for i in _drawn(len(table), _ROWS):
        full = _reciprocal(table, int(i), table.shape[1])
        expected = set(full)
        for j in full:
            others = _reciprocal(table, j, half)
            if 3 * len(full & others) > 2 * len(others):
                expected |= others
        found = columns[offsets[i] : offsets[i + 1]].tolist()
        if len(found) != len(expected) or set(found) != expected:
            raise ImpossibleResultError(
                "a set of k-reciprocal neighbours differs from the plain rule"
            )


def _reciprocal(table: Ints, i: int, k: int) -> set[int]:
    near = table[i, :k]
    mutual = (table[near, :k] == i).any(axis=1)
    return set(near[mutual].tolist())


def check_pair_distances(
    matrix: Tensor, offsets: Ints, columns: NDArray[np.int32], distances: NDArray[np.float64]
) -> None:
    """d of each row to its set is 2 - 2 x.y, and 0 to itself."""
    for i in _drawn(len(matrix), _ROWS):
        own = slice(offsets[i], offsets[i + 1])
        others = torch.as_tensor(columns[own].astype(np.int64))
        products = (matrix[others].double() @ matrix[i].double()).cpu().numpy()
        expected = np.where(columns[own] == i, 0, np.maximum(2 - 2 * products, 0))
        if not np.allclose(distances[own], expected, rtol=0, atol=_ROUNDING):
            raise ImpossibleResultError(
                "the distance of two neighbours differs from the plain product"
            )


def check_expansion(before: SparseRows, table: Ints, after: SparseRows) -> None:
    """V_i is the mean of V_j over the listed neighbours j."""
    for i in _drawn(len(table), _ROWS):
        mean: dict[int, float] = {}
        for j in table[i]:
            own = slice(before.indptr[j], before.indptr[j + 1])
            for column, weight in zip(
                before.indices[own].tolist(), before.values[own].tolist(), strict=True
            ):
                mean[column] = mean.get(column, 0.0) + weight / table.shape[1]
        own = slice(after.indptr[i], after.indptr[i + 1])
        found = dict(zip(after.indices[own].tolist(), after.values[own].tolist(), strict=True))
        same = found.keys() == mean.keys() and len(found) == own.stop - own.start
        if not same or any(abs(found[c] - mean[c]) > _ROUNDING for c in mean):
            raise ImpossibleResultError("an expanded row of weights differs from the plain mean")


def check_jaccard(rows: SparseRows, distances: SparseDistances) -> None:
    """Values lie in 0 ... 1, above the diagonal (which then is 0); 64 drawn pairs are right."""
    values, indptr, n = distances.values, distances.indptr, distances.n
    if len(values) and not (values.min() >= 0 and values.max() <= 1):
        raise ImpossibleResultError(
            f"a Jaccard distance of {values.min():.4g} or {values.max():.4g}"
        )
    rng = np.random.default_rng(n)
    weights = np.zeros(n)
    for i in _drawn(n, _PAIR_ROWS):
        columns, stored = (part[indptr[i] : indptr[i + 1]] for part in (distances.indices, values))
        if len(columns) and columns.min() <= i:
            raise ImpossibleResultError("a Jaccard distance is stored on or below the diagonal")
        partners = rng.integers(n, size=_PAIR_ROWS)
        if len(columns):  # every other one is a pair that is stored
            partners[::2] = rng.choice(columns, size=len(partners[::2]))
        own = slice(rows.indptr[i], rows.indptr[i + 1])
        weights[rows.indices[own]] = rows.values[own]
        for j in partners[partners > i]:
            found = stored[columns == j]
            if (
                len(found) > 1
                or abs(float(found.sum() if len(found) else 1) - _plain(weights, rows, j))
                > _ROUNDING
            ):
                raise ImpossibleResultError(
                    "a Jaccard distance differs from the plain sum over its weights"
                )
        weights[rows.indices[own]] = 0


def _plain(weights: NDArray[np.float64], rows: SparseRows, j: int) -> float:
    other = slice(rows.indptr[j], rows.indptr[j + 1])
    shared = float(np.minimum(weights[rows.indices[other]], rows.values[other]).sum())
    return 1 - shared / (2 - shared)


def _drawn(n: int, size: int) -> NDArray[Any]:
    return np.random.default_rng(n).integers(n, size=size)
