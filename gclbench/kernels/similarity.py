"""Exact nearest neighbours in linear memory: one answer, ties included, whoever computes it.

Float32 scores differ in their last digits between libraries, threads and devices, so they only
name candidates, and bfloat16 scores can do so too where the processor is fast at them. Candidates
are scored again in float64 and rounded; a row that left out a point which may be as near as its
k-th neighbour is searched again among all points that may matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.candidates import Candidates, from_blocks, from_faiss, from_tiles
from gclbench.kernels.jit import jit, jit_sum, over_rows
from gclbench.kernels.products import bfloat16_is_fast, products
from gclbench.kernels.sorting import sort
from gclbench.kernels.spot_checks import check_nearest

Backend = Literal["auto", "torch", "faiss"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

_BLOCK = 256
_GPU_BLOCK_BYTES = 1 << 29
_SPARE = 8  # candidates beyond k of faiss and GPU, so that rounding seldom leaves a row in doubt
_BFLOAT16_NUMBERS = 30_000_000  # N x D; with fewer, what it saves goes into more candidates
_DOUBTFUL_SHARE = 8  # more than 1 row in 8 in doubt: float32 for all is cheaper


def finite_rows(features: Any) -> Tensor:
    """Return a contiguous float32 matrix, device kept. Raises ShapeError, UsageError (NaN)."""
    matrix = torch.as_tensor(features).detach().to(torch.float32).contiguous()
    if matrix.ndim != 2 or matrix.shape[0] == 0:
        raise ShapeError(f"features have shape {tuple(matrix.shape)}, not (N, D) with N > 0.")
    # In parts: a flag for every number would take as much memory as the features.
    if not all(bool(torch.isfinite(part).all()) for part in matrix.split(_BLOCK)):
        raise UsageError("features contain NaN or infinity.", "Check the encoder's features.")
    return matrix


def nearest(features: Any, k: int, backend: Backend = "auto") -> tuple[Ints, Floats]:
    """Return the k nearest rows of every row by squared Euclidean distance d = 2 - 2 x.y.

    Shapes    features (N, D) unit rows -> indices int64, d float32, both (N, min(k, N)).
    Order     self first (d = 0), then ascending; equal d (as float32) by index.
    Backends  "torch" works where the features lie, CPU or GPU, a tile at a time; "faiss" asks
              `faiss.knn` (`faiss.knn_gpu` for features on a GPU); "auto" is torch, the faster one
              in our measurements. All give the same arrays.
    Memory    about a kilobyte a row beside the features, and half of these again where bfloat16
              names the candidates; never N x N.
    Cost      N^2 D / 2 multiplications, once more for rows in doubt: all of them when the features
              have collapsed into one point.
    Raises    ShapeError, UsageError; MissingExtraError where faiss is asked for and absent.
    """
    return nearest_of(finite_rows(features), k, backend)


def nearest_of(matrix: Tensor, k: int, backend: Backend = "auto") -> tuple[Ints, Floats]:
    """As `nearest`, for a matrix that `finite_rows` has checked already."""
    if k < 1:
        raise UsageError(f"k is {k}, it must be at least 1.")
    if backend not in ("auto", "torch", "faiss"):
        raise UsageError(f"backend is '{backend}'.", "Allowed: auto, faiss, torch.")
    n = len(matrix)
    k = min(k, n)
    wanted = max(k - 1, 1)
    if n == 1:
        return np.zeros((1, 1), dtype=np.int64), np.zeros((1, 1), dtype=np.float32)
    if backend != "faiss" and not matrix.is_cuda and _bfloat16_pays(matrix):
        coarse = _rounded(matrix)
        candidates = from_tiles(coarse.rows, wanted, coarse.error, coarse.offsets)
        found = _ranked(matrix, k, candidates, coarse.error)
        if _DOUBTFUL_SHARE * len(found.doubtful) <= n:
            return _settled(matrix, found)
    error = float32_error(matrix)
    if backend == "faiss":
        candidates = from_faiss(matrix, min(k - 1 + _SPARE, n - 1))
    elif matrix.is_cuda:
        candidates = from_blocks(matrix, min(k - 1 + _SPARE, n - 1))
    else:
        candidates = from_tiles(matrix, wanted, error)
    return _settled(matrix, _ranked(matrix, k, candidates, error))


def float32_error(matrix: Tensor) -> float:
    """How far a float32 score of two rows may lie from their true product."""
    longest = _longest(matrix) ** 2
    exact = torch.get_float32_matmul_precision() == "highest"
    return longest * ((matrix.shape[1] + 8) * 2.0**-24 + (0.0 if exact else 2.0**-8))


@dataclass(frozen=True)
class _Rounded:
    """Centred rows in bfloat16: x.y lies within `error` of rows.rows + the two offsets."""

    rows: Tensor
    offsets: Tensor
    error: float


def _rounded(matrix: Tensor) -> _Rounded:
    """Round x - m, m the mean, to bfloat16; x.y = (x - m).(y - m) + x.m + y.m - m.m.

    Features of a trained encoder share a direction: without it less is lost. With u = x - m and
    u' its rounding, u.v - u'.v' = (u - u').v + u'.(v - v'): by Cauchy-Schwarz at most the longest
    remainder times the sum of the longest u and u'. The product is rounded to bfloat16 at the end.
    """
    mean = matrix.mean(dim=0)
    rows = torch.empty_like(matrix, dtype=torch.bfloat16)
    longest = lost = 0.0
    for part, out in zip(matrix.split(_BLOCK), rows.split(_BLOCK), strict=True):
        centred = part - mean
        out.copy_(centred)
        longest = max(longest, _longest(centred))
        lost = max(lost, _longest(centred - out.float()))
    offsets = torch.mv(matrix, mean) - mean.dot(mean) / 2
    final = 1.01 * 2.0**-9 * (longest + lost) ** 2
    # Sums of D terms in float32: of the product, twice for the centring, and of the two offsets.
    lengths = 3 * (longest + lost) ** 2 + 3 * _longest(matrix) * float(mean.norm())
    sums = (matrix.shape[1] + 8) * 2.0**-24 * lengths
    return _Rounded(rows, offsets, lost * (2 * longest + lost) + final + sums)


def _longest(matrix: Tensor) -> float:
    return float(torch.linalg.vector_norm(matrix, dim=1).max())


def _bfloat16_pays(matrix: Tensor) -> bool:
    return matrix.numel() >= _BFLOAT16_NUMBERS and bfloat16_is_fast()


@dataclass(frozen=True)
class _Ranked:
    """Lists that are right but for `doubtful` rows, which need all that score `at_least`."""

    indices: Ints
    distances: Floats
    doubtful: Ints
    at_least: NDArray[np.float64]


def _ranked(matrix: Tensor, k: int, candidates: Candidates, error: float) -> _Ranked:
    n = len(matrix)
    similarity = pair_similarities(matrix, candidates)
    indices, distances = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    over_rows(_order, n, candidates.ids, candidates.starts, similarity, indices, distances)
    # Of the k-th neighbour as it is known now; the second term is what rounding d may hide.
    kth = 1 - distances[:, -1].astype(np.float64) / 2 - 2.0**-23
    doubtful = np.flatnonzero(candidates.floors + np.float64(error) >= kth)
    return _Ranked(indices, distances, doubtful, kth)


def _settled(matrix: Tensor, found: _Ranked) -> tuple[Ints, Floats]:
    at_least = found.at_least - float32_error(matrix)
    _search_again(matrix, found.doubtful, at_least, found.indices, found.distances)
    check_nearest(matrix, found.indices, found.distances)
    return found.indices, found.distances


def smallest(distances: Tensor, k: int, first_row: int | None = None) -> tuple[Ints, Floats]:
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


def pair_similarities(matrix: Tensor, candidates: Candidates) -> NDArray[np.float64]:
    """Return each row's products with its candidates, summed in float64, in their order (M,)."""
    ids, starts = candidates.ids, candidates.starts
    if not matrix.is_cuda:
        out = np.empty(len(ids), dtype=np.float64)
        # Rows that share others come one after the other: what they share is still in the cache.
        order = np.argsort(np.minimum.reduceat(ids, starts[:-1]), kind="stable")
        over_rows(_dots, len(order), matrix.numpy(), order, ids, starts, out)
        return out
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    step = max(1, _GPU_BLOCK_BYTES // (16 * matrix.shape[1]))
    parts = []
    for start in range(0, len(ids), step):
        one, other = (
            matrix[torch.as_tensor(some[start : start + step], device=matrix.device)].double()
            for some in (rows, ids)
        )
        parts.append((one * other).sum(dim=1).cpu())
    return torch.cat(parts).numpy()


def pair_products(
    matrix: Tensor, rows: NDArray[Any], columns: NDArray[Any]
) -> NDArray[np.float64]:
    """Return x_rows . x_columns of M pairs, summed in float64: matrix (N, D) -> (M,)."""
    out = np.empty(len(rows), dtype=np.float64)
    over_rows(_products, len(rows), matrix.numpy(), rows, columns, out, chunk=1 << 16)
    return out


def farthest_distances(features: Any) -> Floats:
    """Return each row's largest squared distance to any row: (N, D) unit rows -> (N,)."""
    matrix = finite_rows(features)
    low = [products(part, matrix).min(dim=1).values.cpu() for part in matrix.split(_BLOCK)]
    return (2 - 2 * torch.cat(low)).clamp_(min=0).numpy()


def _search_again(
    matrix: Tensor, rows: Ints, at_least: NDArray[np.float64], indices: Ints, distances: Floats
) -> None:
    """Fill the lists of `rows` from all points whose score reaches `at_least` (N,)."""
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        chosen = matrix[torch.as_tensor(part, device=matrix.device)]
        scores = products(chosen, matrix).cpu().numpy()
        everything = scores, part, matrix.cpu().numpy(), at_least, indices, distances
        over_rows(_search, len(part), *everything, chunk=16)


@jit_sum
def dot(x: Floats, y: Floats) -> float:
    """Return x . y summed in float64; in which order is lost when it is rounded to float32."""
    total = 0.0
    for d in range(len(x)):
        total += np.float64(x[d]) * np.float64(y[d])
    return total


@jit
def _dots(
    start: int,
    stop: int,
    matrix: Floats,
    order: Ints,
    ids: NDArray[np.int32],
    starts: Ints,
    out: NDArray[np.float64],
) -> None:
    for i in order[start:stop]:
        for a in range(starts[i], starts[i + 1]):
            out[a] = dot(matrix[i], matrix[ids[a]])


@jit
def _products(
    start: int,
    stop: int,
    matrix: Floats,
    rows: NDArray[Any],
    columns: NDArray[Any],
    out: NDArray[np.float64],
) -> None:
    for e in range(start, stop):
        out[e] = dot(matrix[rows[e]], matrix[columns[e]])


@jit
def _order_row(
    row: int, ids: NDArray[Any], similarity: NDArray[np.float64], indices: Ints, distances: Floats
) -> None:
    """Sort candidates by (d as float32, index) and keep the first, behind the point itself."""
    d = np.empty(len(ids), dtype=np.float32)
    for a in range(len(ids)):
        d[a] = max(2.0 - 2.0 * similarity[a], 0.0)
    # The bits of a non-negative float order like the float: one number holds both.
    bits, keys = d.view(np.int32), np.empty(len(ids), dtype=np.int64)
    for a in range(len(ids)):
        keys[a] = (np.int64(bits[a]) << 32) + ids[a]
    sort(keys)
    for a in range(len(ids)):
        bits[a] = np.int32(keys[a] >> 32)
    indices[row, 0], distances[row, 0] = row, 0.0
    for a in range(1, indices.shape[1]):
        indices[row, a], distances[row, a] = keys[a - 1] & 0xFFFFFFFF, d[a - 1]


@jit
def _order(
    start: int,
    stop: int,
    ids: NDArray[np.int32],
    starts: Ints,
    similarity: NDArray[np.float64],
    indices: Ints,
    distances: Floats,
) -> None:
    for i in range(start, stop):
        own = slice(starts[i], starts[i + 1])
        _order_row(i, ids[own], similarity[own], indices, distances)


@jit
def _search(
    start: int,
    stop: int,
    scores: Floats,
    rows: Ints,
    matrix: Floats,
    at_least: NDArray[np.float64],
    indices: Ints,
    distances: Floats,
) -> None:
    ids = np.empty(scores.shape[1], dtype=np.int64)
    similarity = np.empty(scores.shape[1], dtype=np.float64)
    for r in range(start, stop):
        row, found = rows[r], 0
        for j in range(scores.shape[1]):
            if scores[r, j] >= at_least[row] and j != row:
                ids[found] = j
                similarity[found] = dot(matrix[row], matrix[j])
                found += 1
        _order_row(row, ids[:found], similarity[:found], indices, distances)
