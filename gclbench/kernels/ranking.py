"""CMC, mAP and mINP of a retrieval list under the Market-1501 single-query protocol.

Conventions (specs: evaluation.md 1 and 2)
    Distances ascend; equal distances are ordered by gallery index. For a query (id p, camera c)
    the gallery items with id p *and* camera c are taken out, and so is every junk item (id -1).
    Distractors (id 0) stay as ordinary non-matches. A query that keeps no match is skipped: it
    counts neither in the means nor in the CMC denominator. Results are fractions 0-1 in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.jit import jit

AveragePrecision = Literal["step", "trapezoid"]
JUNK_PID = -1


@dataclass(frozen=True)
class RankingResult:
    """What a retrieval list is worth; per-query arrays keep the order of the queries.

    `cmc[r - 1]` is the share of valid queries whose first match is among the first r kept items,
    for r = 1 .. min(max_rank, gallery size). `ap`, `inp` are NaN and `first_match` is 0 for a
    skipped query.
    """

    mAP: float
    mINP: float
    cmc: NDArray[np.float64]
    ap: NDArray[np.float64]
    inp: NDArray[np.float64]
    first_match: NDArray[np.int64]
    valid: NDArray[np.bool_]

    def rank(self, r: int) -> float:
        """CMC at rank r (1-based); a gallery shorter than r answers with its last value."""
        if r < 1:
            raise UsageError(f"rank {r} is not a rank.", "Ranks start at 1.")
        return float(self.cmc[min(r, len(self.cmc)) - 1])


def evaluate_ranking(
    query: Any,
    gallery: Any,
    q_pids: Any,
    q_cams: Any,
    g_pids: Any,
    g_cams: Any,
    *,
    average_precision: AveragePrecision = "step",
    max_rank: int = 50,
    block: int = 512,
) -> RankingResult:
    """Rank a gallery for every query by squared Euclidean distance of unit rows.

    Shapes    query (Q, D), gallery (G, D) torch or NumPy, float32 or float64, rows of length 1
              (not normalised here); q_pids, q_cams (Q,), g_pids, g_cams (G,) integers.
    Memory    `block` queries at a time: block x G distances, never Q x G.
    Raises    ShapeError; UsageError for non-finite features, an unknown kind of average precision,
              or when no query has a match.
    """
    q = torch.as_tensor(query).detach().cpu()
    g = torch.as_tensor(gallery).detach().cpu()
    if q.ndim != 2 or g.ndim != 2 or q.shape[1] != g.shape[1]:
        raise ShapeError(
            f"features are {tuple(q.shape)} and {tuple(g.shape)}, not (Q, D), (G, D)."
        )
    if block < 1:
        raise UsageError(f"block is {block}, it must be at least 1.")
    transposed = g.to(q.dtype).T.contiguous()

    def blocks() -> Iterator[NDArray[Any]]:
        for start in range(0, len(q), block):
            yield (2 - 2 * (q[start : start + block] @ transposed)).numpy()

    labels = _Labels.of(q_pids, q_cams, g_pids, g_cams, len(q), len(g))
    return _rank(blocks(), labels, average_precision, max_rank)


def evaluate_distances(
    distances: Any,
    q_pids: Any,
    q_cams: Any,
    g_pids: Any,
    g_cams: Any,
    *,
    average_precision: AveragePrecision = "step",
    max_rank: int = 50,
) -> RankingResult:
    """Rank by a given matrix (Q, G), smaller is nearer. Otherwise see `evaluate_ranking`."""
    matrix = np.asarray(torch.as_tensor(distances).detach().cpu())
    if matrix.ndim != 2:
        raise ShapeError(f"distances have shape {matrix.shape}, not (Q, G).")
    labels = _Labels.of(q_pids, q_cams, g_pids, g_cams, *matrix.shape)
    return _rank(iter((matrix,)), labels, average_precision, max_rank)


@dataclass(frozen=True)
class _Labels:
    q_pids: NDArray[np.int64]
    q_cams: NDArray[np.int64]
    g_pids: NDArray[np.int64]
    g_cams: NDArray[np.int64]

    @classmethod
    def of(
        cls, q_pids: Any, q_cams: Any, g_pids: Any, g_cams: Any, queries: int, gallery: int
    ) -> _Labels:
        arrays = []
        for name, values, length in (
            ("q_pids", q_pids, queries),
            ("q_cams", q_cams, queries),
            ("g_pids", g_pids, gallery),
            ("g_cams", g_cams, gallery),
        ):
            array = np.ascontiguousarray(np.asarray(values), dtype=np.int64)
            if array.shape != (length,):
                raise ShapeError(f"{name} has shape {array.shape}, expected ({length},).")
            arrays.append(array)
        return cls(*arrays)


def _rank(
    blocks: Iterator[NDArray[Any]], labels: _Labels, average_precision: str, max_rank: int
) -> RankingResult:
    if average_precision not in ("step", "trapezoid"):
        raise UsageError(
            f"average_precision is '{average_precision}'.", "Allowed: step, trapezoid."
        )
    if max_rank < 1:
        raise UsageError(f"max_rank is {max_rank}, it must be at least 1.")
    queries = len(labels.q_pids)
    ap, inp = np.full(queries, np.nan), np.full(queries, np.nan)
    first = np.zeros(queries, dtype=np.int64)
    start = 0
    for distances in blocks:
        if not np.isfinite(distances).all():
            raise UsageError("distances contain NaN or infinity.", "Check the encoder's features.")
        end = start + len(distances)
        _score_block(
            np.ascontiguousarray(distances),
            labels.q_pids[start:end],
            labels.q_cams[start:end],
            labels.g_pids,
            labels.g_cams,
            average_precision == "trapezoid",
            ap[start:end],
            inp[start:end],
            first[start:end],
        )
        start = end
    return _summarise(ap, inp, first, min(max_rank, len(labels.g_pids)))


def _summarise(
    ap: NDArray[np.float64], inp: NDArray[np.float64], first: NDArray[np.int64], length: int
) -> RankingResult:
    valid = first > 0
    if not valid.any():
        raise UsageError(
            "no query has a match in the gallery under another camera.",
            "Check the identities and cameras of query and gallery.",
        )
    within = first[valid & (first <= length)]
    found = np.bincount(within - 1, minlength=length)
    return RankingResult(
        mAP=float(ap[valid].mean()),
        mINP=float(inp[valid].mean()),
        cmc=np.cumsum(found) / valid.sum(),
        ap=ap,
        inp=inp,
        first_match=first,
        valid=valid,
    )


@jit
def _score_block(
    distances: NDArray[Any],
    q_pids: NDArray[np.int64],
    q_cams: NDArray[np.int64],
    g_pids: NDArray[np.int64],
    g_cams: NDArray[np.int64],
    trapezoid: bool,
    ap: NDArray[np.float64],
    inp: NDArray[np.float64],
    first: NDArray[np.int64],
) -> None:
    """Fill ap, inp and first of each query.

    Nothing is sorted but the few matches: a match's rank is its place among the matches plus the
    number of non-matches before it.
    """
    size = distances.shape[1]
    for q in range(distances.shape[0]):
        row, pid, cam = distances[q], q_pids[q], q_cams[q]
        found = np.flatnonzero((g_pids == pid) & (g_cams != cam))
        n = len(found)
        if n == 0 or pid == JUNK_PID:
            continue
        found = found[np.argsort(row[found], kind="mergesort")]
        near = row[found]
        ahead = np.zeros(n + 1, dtype=np.int64)
        for j in range(size):
            value = row[j]
            if value > near[n - 1] or g_pids[j] == pid or g_pids[j] == JUNK_PID:
                continue
            low, high = 0, n
            while low < high:
                middle = (low + high) // 2
                if near[middle] < value or (near[middle] == value and found[middle] < j):
                    low = middle + 1
                else:
                    high = middle
            ahead[low] += 1
        total, before = 0.0, 0
        for m in range(n):
            before += ahead[m]
            rank = m + 1 + before
            precision = (m + 1) / rank
            if trapezoid:
                previous = m / (rank - 1) if rank > 1 else 1.0
                precision = 0.5 * (precision + previous)
            total += precision
            if m == 0:
                first[q] = rank
            if m == n - 1:
                inp[q] = n / rank
        ap[q] = total / n
