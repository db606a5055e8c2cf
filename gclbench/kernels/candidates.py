"""Who may be among a row's nearest neighbours, by coarse scores: tiles, GPU blocks or faiss."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import MissingExtraError
from gclbench.kernels.jit import each_alone, jit, over_rows
from gclbench.kernels.products import products
from gclbench.kernels.sorting import smallest_at

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

_TILE = 768
_CHUNK = 32
_LEAST_SLACK = 1e-30  # rows of zeros: the last one wanted must lie above the floor
_ROOM = 32  # places of a shortlist beyond three times what is wanted
_GPU_BLOCK_SCORES = 1 << 27


@dataclass(frozen=True)
class Candidates:
    """Points that may be near each row: ids[starts[i]:starts[i + 1]], never i itself.

    `floors` (N,): no point left out scored above it.
    """

    ids: NDArray[np.int32]
    starts: Ints
    floors: Floats


def from_faiss(matrix: Tensor, wanted: int) -> Candidates:
    """The `wanted` best of every row by faiss; MissingExtraError where it is not installed."""
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("faiss", "cpu") from error
    rows = matrix.cpu().numpy()
    if matrix.is_cuda:
        resources = faiss.StandardGpuResources()
        scores, ids = faiss.knn_gpu(
            resources, rows, rows, wanted + 1, metric=faiss.METRIC_INNER_PRODUCT
        )
    else:
        scores, ids = faiss.knn(rows, rows, wanted + 1, metric=faiss.METRIC_INNER_PRODUCT)
    others = np.empty((len(rows), wanted), dtype=np.int32)
    floors = np.empty(len(rows), dtype=np.float32)
    _drop_self(ids, scores, others, floors)
    return _equal_lists(others, floors)


def from_blocks(matrix: Tensor, wanted: int) -> Candidates:
    """The `wanted` best of every row, a block of whole rows at a time on the matrix's device."""
    n = len(matrix)
    ids, floors = [], []
    for start in range(0, n, max(1, _GPU_BLOCK_SCORES // n)):
        scores = products(matrix[start : start + max(1, _GPU_BLOCK_SCORES // n)], matrix)
        scores.diagonal(start).fill_(-torch.inf)
        best = scores.topk(wanted, dim=1)
        ids.append(best.indices.to(torch.int32).cpu())
        floors.append(best.values[:, -1].cpu())
    return _equal_lists(torch.cat(ids).numpy(), torch.cat(floors).numpy())


def _equal_lists(ids: NDArray[np.int32], floors: Floats) -> Candidates:
    n, wanted = ids.shape
    if wanted == n - 1:
        floors[:] = -np.inf
    return Candidates(ids.ravel(), np.arange(n + 1) * wanted, floors)


def from_tiles(
    matrix: Tensor, wanted: int, error: float, offsets: Tensor | None = None
) -> Candidates:
    """All that may be among the `wanted` best, from square tiles of the products' upper half.

    matrix (N, D) float32, or bfloat16 for speed; offsets (N,) float32 are added to the scores, the
    row's and the column's. Each tile serves its rows and, mirrored, its columns. A point is left
    out where `wanted` others score higher though both scores may be wrong by `error`, or where too
    many come near; the floor tells either way.
    """
    n, room = len(matrix), 3 * wanted + _ROOM
    scores, ids = np.empty((n, room), np.float32), np.empty((n, room), np.int32)
    held, floors = np.zeros(n, np.int64), np.full(n, -np.inf, np.float32)
    shortlist = wanted, max(2 * error, _LEAST_SLACK), scores, ids, held, floors
    starts = range(0, n, _TILE)
    locks = {start: Lock() for start in starts}

    def work(corner: tuple[int, int]) -> None:
        top, left = corner
        tile = _scores(matrix, offsets, top, left)
        with locks[top]:
            _offer(tile, top, left, *shortlist)
        if left > top:
            with locks[left]:
                _offer_mirrored(tile, top, left, *shortlist)

    # The diagonal first: it gives every row a floor by the faster of the two ways to offer.
    corners = [(top, left) for top in starts for left in starts if left > top]
    each_alone(work, [(start, start) for start in starts] + corners)
    over_rows(_close, n, *shortlist)
    ends = np.cumsum(held)
    chosen = np.empty(int(ends[-1]), dtype=np.int32)
    begins = np.concatenate([np.zeros(1, np.int64), ends])
    over_rows(_gather, n, ids, begins, chosen)
    return Candidates(chosen, begins, floors)


def _scores(matrix: Tensor, offsets: Tensor | None, top: int, left: int) -> Floats:
    rows, columns = slice(top, top + _TILE), slice(left, left + _TILE)
    tile = products(matrix[rows], matrix[columns]).float()
    if offsets is not None:
        tile += offsets[rows, None]
        tile += offsets[columns]
    scores: Floats = tile.numpy()
    return scores


@jit
def _drop_self(ids: Ints, scores: Floats, others: NDArray[np.int32], floors: Floats) -> None:
    """Leave each row's own index out of its list, or the last entry where it is not in there."""
    n, width = ids.shape
    for i in range(n):
        kept = 0
        for a in range(width):
            if ids[i, a] != i and kept < width - 1:
                others[i, kept] = ids[i, a]
                kept += 1
        floors[i] = scores[i, width - 1]


@jit
def _shrink(
    row: int,
    wanted: int,
    slack: float,
    scores: Floats,
    ids: NDArray[np.int32],
    held: Ints,
    floors: Floats,
) -> None:
    """Drop the points of a row that cannot be among its `wanted` best; the floor rises.

    Where hardly any can be ruled out, half of the room beyond `wanted` is freed nevertheless.
    """
    size, most = held[row], (scores.shape[1] + wanted) // 2
    last = smallest_at(scores[row, :size].copy(), size - wanted)
    cut, ties = np.float32(last - slack), 0
    above = 0
    for a in range(size):
        above += scores[row, a] > cut
    if above > most:
        cut = smallest_at(scores[row, :size].copy(), size - most)
        ties = most
        for a in range(size):
            ties -= scores[row, a] > cut
    kept = 0
    for a in range(size):
        score = scores[row, a]
        if score > cut or (score == cut and ties > 0):
            ties -= score == cut
            scores[row, kept], ids[row, kept] = score, ids[row, a]
            kept += 1
    held[row], floors[row] = kept, max(cut, floors[row])


@jit
def _close(
    start: int,
    stop: int,
    wanted: int,
    slack: float,
    scores: Floats,
    ids: NDArray[np.int32],
    held: Ints,
    floors: Floats,
) -> None:
    for i in range(start, stop):
        if held[i] > wanted:
            _shrink(i, wanted, slack, scores, ids, held, floors)


@jit
def _gather(
    start: int, stop: int, ids: NDArray[np.int32], begins: Ints, chosen: NDArray[np.int32]
) -> None:
    for i in range(start, stop):
        for a in range(begins[i + 1] - begins[i]):
            chosen[begins[i] + a] = ids[i, a]


@jit
def _any_above(row: Floats, floor: float) -> bool:
    hits = np.int32(0)  # counting in 32 bits over a slice runs 16 numbers at a time
    for b in range(len(row)):
        hits = np.int32(hits + (row[b] > floor))
    return bool(hits > 0)


@jit
def _any_above_own(row: Floats, floors: Floats) -> bool:
    hits = np.int32(0)
    for b in range(len(row)):
        hits = np.int32(hits + (row[b] > floors[b]))
    return bool(hits > 0)


@jit
def _offer(
    tile: Floats,
    top: int,
    left: int,
    wanted: int,
    slack: float,
    scores: Floats,
    ids: NDArray[np.int32],
    held: Ints,
    floors: Floats,
) -> None:
    """Offer tile[a, b] to row top + a."""
    columns, room = tile.shape[1], scores.shape[1]
    for a in range(tile.shape[0]):
        row, line = top + a, tile[a]
        for first in range(0, columns, _CHUNK):
            if not _any_above(line[first : first + _CHUNK], floors[row]):
                continue
            # Written out in both ways to offer: a call for every number costs more than the work.
            for b in range(first, min(first + _CHUNK, columns)):
                if line[b] > floors[row] and left + b != row:
                    if held[row] == room:
                        _shrink(row, wanted, slack, scores, ids, held, floors)
                        if line[b] <= floors[row]:
                            continue
                    scores[row, held[row]], ids[row, held[row]] = line[b], left + b
                    held[row] += 1


@jit
def _offer_mirrored(
    tile: Floats,
    top: int,
    left: int,
    wanted: int,
    slack: float,
    scores: Floats,
    ids: NDArray[np.int32],
    held: Ints,
    floors: Floats,
) -> None:
    """Offer tile[a, b] to row left + b."""
    columns, room = tile.shape[1], scores.shape[1]
    own = floors[left : left + columns]
    for a in range(tile.shape[0]):
        line = tile[a]
        for first in range(0, columns, _CHUNK):
            if not _any_above_own(line[first : first + _CHUNK], own[first : first + _CHUNK]):
                continue
            for b in range(first, min(first + _CHUNK, columns)):
                row = left + b
                if line[b] > floors[row]:
                    if held[row] == room:
                        _shrink(row, wanted, slack, scores, ids, held, floors)
                        if line[b] <= floors[row]:
                            continue
                    scores[row, held[row]], ids[row, held[row]] = line[b], top + a
                    held[row] += 1
