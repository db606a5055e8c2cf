"""Sparse rows and symmetric sparse distances: what the kernels of a clustering pass on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ShapeError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = NDArray[np.int32]


@dataclass(frozen=True)
class SparseDistances:
    """A symmetric distance matrix, zero diagonal, most pairs at distance 1.

    The strict upper triangle as CSR: row i has the columns j > i whose distance is below 1 (zeros
    included), in no particular order: `indices[indptr[i]:indptr[i + 1]]` int32, `values` float32,
    `indptr` int64. A pair that is not stored has distance exactly 1.
    """

    indptr: Ints
    indices: Columns
    values: NDArray[np.float32]
    n: int

    def dense(self) -> NDArray[np.float32]:
        """Return the (n, n) matrix; meant for small n."""
        matrix = np.ones((self.n, self.n), dtype=np.float32)
        rows = np.repeat(np.arange(self.n), np.diff(self.indptr))
        matrix[rows, self.indices] = self.values
        matrix[self.indices, rows] = self.values
        np.fill_diagonal(matrix, 0)
        return matrix

    @classmethod
    def from_dense(cls, matrix: Any) -> SparseDistances:
        """Keep the strict upper triangle's entries below 1 of a symmetric (n, n) matrix."""
        full = np.asarray(matrix, dtype=np.float32)
        if full.ndim != 2 or full.shape[0] != full.shape[1]:
            raise ShapeError(f"distances have shape {full.shape}, not (N, N).")
        rows, columns = np.nonzero(np.triu(full < 1, k=1))
        counts = np.bincount(rows, minlength=len(full))
        return cls(offsets_of(counts), columns.astype(np.int32), full[rows, columns], len(full))


@dataclass(frozen=True)
class SparseRows:
    """Sparse rows (CSR); columns stand in the order in which the points were met."""

    indptr: Ints
    indices: Columns
    values: Floats


def offsets_of(counts: Ints) -> Ints:
    """Where rows of these lengths begin, and the last one ends: (N + 1,)."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
