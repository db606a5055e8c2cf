"""k-reciprocal Jaccard distance of rows of any length, where unit rows are not meant.

The kernels for unit rows (`similarity`, `jaccard`) rest on products. Here squared distances are
differences of float64 sums, rounded to float32 at the end: slower, and used where a published code
clusters raw averages (UDAP, SSG).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import ShapeError
from gclbench.kernels.jaccard import check_neighbourhood, expanded_sets, jaccard_of_sets
from gclbench.kernels.similarity import finite_rows, smallest
from gclbench.kernels.sparse import Columns, Floats, Ints, SparseDistances

_BLOCK = 256
_PAIRS = 4096


def raw_jaccard_distances(features: Any, k1: int, k2: int) -> SparseDistances:
    """Return J of every pair of rows (N, D) of any length, neighbourhoods as in "classic".

    Neighbours by squared Euclidean distance, self first, equal ones (as float32) by index; d is
    divided by row i's largest, so J does not depend on the unit of the rows. See
    `jaccard_distances` for k1, k2, limits and errors.
    """
    check_neighbourhood(k1, k2, "classic")
    rows = _centred(finite_rows(features))
    table, farthest = _neighbours(rows, min(k1 + 1, len(rows)))
    offsets, columns = expanded_sets(table, k1)
    own = np.repeat(np.arange(len(rows)), np.diff(offsets))
    scaled = _pair_distances(rows, own, columns) / np.maximum(farthest, 1e-12)[own]
    return jaccard_of_sets(offsets, columns, scaled, table[:, :k2])


def least_distances(rows: Any, others: Any) -> NDArray[np.float64]:
    """Return each row's squared distance to its nearest of `others`: (N, D), (M, D) -> (N,).

    Raises ShapeError where the two differ in D.
    """
    one, two = finite_rows(rows).cpu().double(), finite_rows(others).cpu().double()
    if one.shape[1] != two.shape[1]:
        raise ShapeError(f"rows are {tuple(one.shape)} and {tuple(two.shape)}: D must be one.")
    centre = two.mean(dim=0)
    parts = [block.min(dim=1).values for _, block in _blocks(one - centre, two - centre)]
    return torch.cat(parts).numpy()


def _centred(matrix: Tensor) -> Tensor:
    """Float64 on the CPU; a common direction, which cancels in every difference, is taken off."""
    rows = matrix.cpu().double()
    return rows - rows.mean(dim=0)


def _blocks(rows: Tensor, others: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield (first row, squared distances (b, M)), never below 0."""
    lengths = others.square().sum(dim=1)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        squared = part.square().sum(dim=1, keepdim=True) + lengths - 2 * part @ others.T
        yield start, squared.clamp_(min=0)


def _neighbours(rows: Tensor, k: int) -> tuple[Ints, Floats]:
    """The k nearest of every row, itself first, and its largest squared distance."""
    tables, farthest = [], []
    for start, squared in _blocks(rows, rows):
        tables.append(smallest(squared.float(), k, start)[0])
        farthest.append(squared.max(dim=1).values.numpy())
    return np.concatenate(tables), np.concatenate(farthest)


def _pair_distances(rows: Tensor, own: Ints, columns: Columns) -> Floats:
    """Squared distances of M pairs (own, columns) -> (M,)."""
    values = rows.numpy()
    found = np.empty(len(own))
    for start in range(0, len(own), _PAIRS):
        span = slice(start, start + _PAIRS)
        found[span] = np.square(values[own[span]] - values[columns[span]]).sum(axis=1)
    return found
