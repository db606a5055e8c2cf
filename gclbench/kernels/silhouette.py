"""How well separated clusters are, without labels: the mean silhouette."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.jit import jit
from gclbench.kernels.similarity import finite_rows

Ints = NDArray[np.int64]

_BLOCK = 256


def silhouette(features: Any, labels: Any) -> float:
    """Return the mean of (b - a) / max(a, b) over all samples, in -1 ... 1.

    Source    Rousseeuw 1987, Euclidean distance. a: mean distance to the others of the own
              cluster; b: the least mean distance to another cluster. A sample alone in its
              cluster counts 0, and so does everything where there is one cluster only.
    Shapes    features (N, D), labels (N,) int64 in 0 ... C - 1 -> a number.
    Memory    a block of rows of distances, never N x N.
    Raises    ShapeError, UsageError.
    """
    matrix = finite_rows(features).cpu()
    known = np.asarray(labels, dtype=np.int64)
    if known.shape != (len(matrix),):
        raise ShapeError(f"labels have shape {known.shape}, features {tuple(matrix.shape)}.")
    if int(known.min()) < 0:
        raise UsageError("a sample has no cluster (label -1).")
    known = np.unique(known, return_inverse=True)[1]
    sizes = np.bincount(known)
    if len(sizes) == 1:
        return 0.0
    rows = matrix.double()
    squares = (rows * rows).sum(dim=1)
    scratch = np.empty(len(sizes))
    total = 0.0
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = squares[part, None] + squares[None]
        block.addmm_(rows[part], rows.T, alpha=-2)
        block[:, part].fill_diagonal_(0)
        distances = block.clamp_(min=0).sqrt_().numpy()
        total += _sum_of_block(distances, start, known, sizes, scratch)
    return total / len(rows)


@jit
def _sum_of_block(
    distances: NDArray[np.float64], start: int, labels: Ints, sizes: Ints, sums: NDArray[Any]
) -> float:
    """Sum the silhouettes of samples start, start + 1, ...; `sums` (C,) is scratch."""
    total = 0.0
    for r in range(len(distances)):
        own = labels[start + r]
        if sizes[own] == 1:
            continue
        sums[:] = 0.0
        for c in range(distances.shape[1]):
            sums[labels[c]] += distances[r, c]
        a, b = sums[own] / (sizes[own] - 1), np.inf
        for cluster in range(len(sizes)):
            if cluster != own:
                b = min(b, sums[cluster] / sizes[cluster])
        if max(a, b) > 0:
            total += (b - a) / max(a, b)
    return total
