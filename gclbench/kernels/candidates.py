"""Who may be among a row's nearest neighbours, by float32 scores: tiles, GPU blocks or faiss."""

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

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

_TILE = 768
_CHUNK = 32
_GPU_BLOCK_SCORES = 1 << 27


@dataclass(frozen=True)
class Candidates:
    """ids (N, M) of other points; `floors` (N,): no point left out scored above it."""

    ids: Ints
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
    others = np.empty((len(rows), wanted), dtype=np.int64)
    floors = np.empty(len(rows), dtype=np.float32)
    _drop_self(ids, scores, others, floors)
    if wanted == len(rows) - 1:
        floors[:] = -np.inf
    return Candidates(others, floors)


def from_blocks(matrix: Tensor, wanted: int) -> Candidates:
    """The `wanted` best of every row, a block of whole rows at a time on the matrix's device."""
    n = len(matrix)
    ids, floors = [], []
    for start in range(0, n, max(1, _GPU_BLOCK_SCORES // n)):
        scores = products(matrix[start : start + max(1, _GPU_BLOCK_SCORES // n)], matrix)
        scores.diagonal(start).fill_(-torch.inf)
        best = scores.topk(wanted, dim=1)
        ids.append(best.indices.cpu())
        floors.append(best.values[:, -1].cpu())
    all_floors = torch.cat(floors).numpy()
    if wanted == n - 1:
        all_floors[:] = -np.inf
    return Candidates(torch.cat(ids).numpy(), all_floors)


def from_tiles(matrix: Tensor, wanted: int) -> Candidates:
    """The `wanted` best of every row, from square tiles of the upper triangle of all products.

    Each tile serves its rows and, mirrored, its columns. Which of two equal scores stays may
    depend on the order in which tiles are done; the floor tells either way.
    """
    n, room = len(matrix), 2 * wanted
    scores, ids = np.empty((n, room), np.float32), np.empty((n, room), np.int32)
    held, floors = np.zeros(n, np.int64), np.full(n, -np.inf, np.float32)
    shortlist = wanted, scores, ids, held, floors
    starts = range(0, n, _TILE)
    locks = {start: Lock() for start in starts}

    def work(corner: tuple[int, int]) -> None:
        top, left = corner
        tile = products(matrix[top : top + _TILE], matrix[left : left + _TILE]).numpy()
        with locks[top]:
            _offer(tile, top, left, *shortlist)
        if left > top:
            with locks[left]:
                _offer_mirrored(tile, top, left, *shortlist)

    # The diagonal first: it gives every row a floor by the faster of the two ways to offer.
    corners = [(top, left) for top in starts for left in starts if left > top]
    each_alone(work, [(start, start) for start in starts] + corners)
    chosen = np.empty((n, wanted), dtype=np.int64)
    over_rows(_close, n, *shortlist, chosen)
    return Candidates(chosen, floors)


@jit
def _drop_self(ids: Ints, scores: Floats, others: Ints, floors: Floats) -> None:
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
    scores: Floats,
    ids: NDArray[np.int32],
    held: Ints,
    floors: Floats,
) -> None:
    """Keep the `wanted` best of a row; its floor becomes the worst that is kept."""
    size = held[row]
    floor = np.partition(scores[row, :size], size - wanted)[size - wanted]
    above = 0
    for a in range(size):
        above += scores[row, a] > floor
    ties, kept = wanted - above, 0
    for a in range(size):
        score = scores[row, a]
        if score > floor or (score == floor and ties > 0):
            ties -= score == floor
            scores[row, kept], ids[row, kept] = score, ids[row, a]
            kept += 1
    held[row], floors[row] = kept, floor


@jit
def _close(
    start: int,
    stop: int,
    wanted: int,
    scores: Floats,
    ids: NDArray[np.int32],
    held: Ints,
    floors: Floats,
    chosen: Ints,
) -> None:
    for i in range(start, stop):
        if held[i] > wanted:
            _shrink(i, wanted, scores, ids, held, floors)
        for a in range(wanted):
            chosen[i, a] = ids[i, a]


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
                        _shrink(row, wanted, scores, ids, held, floors)
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
                        _shrink(row, wanted, scores, ids, held, floors)
                        if line[b] <= floors[row]:
                            continue
                    scores[row, held[row]], ids[row, held[row]] = line[b], top + a
                    held[row] += 1
