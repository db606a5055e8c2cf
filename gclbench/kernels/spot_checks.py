"""A few drawn rows and pairs of every clustering, computed again by plain loops.

They cost some milliseconds, a hundredth of what they watch. Which rows are looked at depends on
what is checked and decides no result: each check returns nothing, or raises ImpossibleResultError.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import ImpossibleResultError
from gclbench.kernels.sparse import SparseDistances, SparseRows

Ints = NDArray[np.int64]
_ROWS = 4
_PAIR_ROWS = 8  # and as many partners of each: 64 pairs
_ROUNDING = 1e-6
_NEAR_ROUNDING = 1e-4  # of float32 products
_COARSE_ROUNDING = 2.0**-6  # of those where torch is allowed fewer digits


def check_nearest(matrix: Tensor, indices: Ints, distances: NDArray[np.float32]) -> None:
    """Lists begin with the point itself, name nobody twice, and reach as far as a plain search."""
    drawn = _drawn(len(matrix), _ROWS, indices)
    with torch.autocast(matrix.device.type, enabled=False):
        chosen = matrix[torch.as_tensor(drawn, device=matrix.device)]
        products = (chosen @ matrix.T).double().cpu().numpy()
    everyone = np.maximum(2 - 2 * products, 0)
    everyone[np.arange(len(drawn)), drawn] = 0
    exact = torch.get_float32_matmul_precision() == "highest" and not matrix.is_cuda
    rounding = _NEAR_ROUNDING if exact else _COARSE_ROUNDING
    rounding, width = rounding * max(1.0, float(np.abs(products).max())), indices.shape[1]
    for i, row in zip(drawn, everyone, strict=True):
        expected = np.sort(np.partition(row, width - 1)[:width])
        listed, near = indices[i], distances[i]
        if listed[0] != i or len(set(listed.tolist())) < width or (np.diff(near) < 0).any():
            raise ImpossibleResultError("a list of nearest neighbours is out of order")
        if not np.allclose(near, expected, rtol=0, atol=rounding):
            raise ImpossibleResultError("a list of nearest neighbours differs from a plain search")


def check_sets(table: Ints, half: int, offsets: Ints, columns: NDArray[np.int32]) -> None:
    """R*(i) equals the rule of Zhong et al., 2017, in Python sets."""
    for i in _drawn(len(table), _ROWS, columns):
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
    for i in _drawn(len(matrix), _ROWS, columns):
        own = slice(offsets[i], offsets[i + 1])
        others = torch.as_tensor(columns[own].astype(np.int64))
        products = (matrix[others].double() @ matrix[i].double()).cpu().numpy()
        expected = np.where(columns[own] == i, 0, np.maximum(2 - 2 * products, 0))
        rounding = _ROUNDING * max(1.0, float(expected.max()))
        if not np.allclose(distances[own], expected, rtol=0, atol=rounding):
            raise ImpossibleResultError(
                "the distance of two neighbours differs from the plain product"
            )


def check_expansion(before: SparseRows, table: Ints, after: SparseRows) -> None:
    """V_i is the mean of V_j over the listed neighbours j."""
    for i in _drawn(len(table), _ROWS, after.indices):
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
    filled = np.flatnonzero(np.diff(indptr))
    if len(filled) and (np.minimum.reduceat(distances.indices, indptr[filled]) <= filled).any():
        raise ImpossibleResultError("a Jaccard distance is stored on or below the diagonal")
    weights = np.zeros(n)
    for i in _drawn(n - 1, _PAIR_ROWS, distances.indices):
        columns = distances.indices[indptr[i] : indptr[i + 1]]
        stored = values[indptr[i] : indptr[i + 1]]
        own = slice(rows.indptr[i], rows.indptr[i + 1])
        weights[rows.indices[own]] = rows.values[own]
        for j in _partners(int(i), n, columns):
            found = stored[columns == j] if j in columns else np.ones(1)
            if len(found) > 1 or abs(found[0] - _plain(weights, rows, j)) > _ROUNDING:
                raise ImpossibleResultError(
                    "a Jaccard distance differs from the plain sum over its weights"
                )
        weights[rows.indices[own]] = 0


def _partners(i: int, n: int, columns: NDArray[np.int32]) -> NDArray[Any]:
    """Points behind i; every other one of a pair that is stored, where there is any."""
    anyone = i + 1 + _drawn(n - 1 - i, _PAIR_ROWS, columns)
    if len(columns):
        anyone[::2] = columns[_drawn(len(columns), len(anyone[::2]), columns)]
    return anyone


def _plain(weights: NDArray[np.float64], rows: SparseRows, j: int) -> float:
    other = slice(rows.indptr[j], rows.indptr[j + 1])
    shared = float(np.minimum(weights[rows.indices[other]], rows.values[other]).sum())
    return 1 - shared / (2 - shared)


def _drawn(n: int, size: int, content: NDArray[Any]) -> NDArray[np.int64]:
    """`size` of n rows, others for other content; none of none."""
    salt = int(content.ravel()[-64:].sum()) if content.size else 0
    return np.random.default_rng([n, abs(salt)]).integers(n, size=size) if n else np.zeros(0, int)
