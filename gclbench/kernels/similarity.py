"""Exact nearest neighbours with ties broken by index, a block of rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import ShapeError, UsageError

_BLOCK = 256


def unit_features(features: Any) -> Tensor:
    """Return a contiguous CPU float32 matrix. Raises ShapeError, or UsageError for NaN."""
    matrix = torch.as_tensor(features).detach().cpu().to(torch.float32).contiguous()
    if matrix.ndim != 2 or matrix.shape[0] == 0:
        raise ShapeError(f"features have shape {tuple(matrix.shape)}, not (N, D) with N > 0.")
    if not bool(torch.isfinite(matrix).all()):
        raise UsageError("features contain NaN or infinity.", "Check the encoder's features.")
    return matrix


def smallest(
    distances: Tensor, k: int, first_row: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return each row's k smallest entries, ascending, equal values by index.

    distances (R, N) float32, no negative entry. With `first_row`, row r is point first_row + r and
    comes first in its own list whatever its distance. Returns indices and values, both (R, k).
    """
    rows, columns = distances.shape
    # The bits of a non-negative float order like the float: value and index fit one unique
    # integer, so that top-k has no ties left to break at will.
    keys = (distances + 0.0).view(torch.int32).to(torch.int64) << 32
    keys += torch.arange(columns)
    own = None if first_row is None else torch.arange(first_row, first_row + rows)[:, None]
    if own is not None:
        keys.scatter_(1, own, -1)
    keys = torch.topk(keys, k, dim=1, largest=False, sorted=True).values
    indices = keys & 0xFFFFFFFF
    if own is not None:
        indices[:, 0] = own[:, 0]
    values = torch.gather(distances, 1, indices)
    return indices.numpy(), values.numpy()


def nearest(features: Any, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the k nearest rows of every row by squared Euclidean distance 2 - 2 x.y.

    Shapes    features (N, D) unit rows -> indices, squared distances, both (N, min(k, N)).
    Order     self first (distance 0), then ascending; equal distances by index.
    Memory    a block of 256 rows x N; never N x N.
    """
    matrix = unit_features(features)
    if k < 1:
        raise UsageError(f"k is {k}, it must be at least 1.")
    k = min(k, len(matrix))
    transposed = matrix.T.contiguous()
    indices = np.empty((len(matrix), k), dtype=np.int64)
    values = np.empty((len(matrix), k), dtype=np.float32)
    for start in range(0, len(matrix), _BLOCK):
        block = (2 - 2 * (matrix[start : start + _BLOCK] @ transposed)).clamp_(min=0)
        rows = slice(start, start + len(block))
        indices[rows], values[rows] = smallest(block, k, first_row=start)
    values[:, 0] = 0
    return indices, values


def farthest_distances(features: Any) -> NDArray[np.float32]:
    """Return each row's largest squared distance to any row: (N, D) unit rows -> (N,)."""
    matrix = unit_features(features)
    transposed = matrix.T.contiguous()
    low = [(part @ transposed).min(dim=1).values for part in matrix.split(_BLOCK)]
    return (2 - 2 * torch.cat(low)).clamp_(min=0).numpy()


def squared_distances(features: Any) -> NDArray[np.float32]:
    """Return squared Euclidean distances of rows of any length: (N, D) -> (N, N)."""
    matrix = unit_features(features)
    lengths = (matrix * matrix).sum(dim=1)
    product = matrix @ matrix.T
    distances = product.mul_(-2).add_(lengths[:, None]).add_(lengths[None, :]).clamp_(min=0)
    return distances.fill_diagonal_(0).numpy()
