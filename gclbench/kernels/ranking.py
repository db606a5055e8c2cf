"""CMC, mAP and mINP of a retrieval list: the Market-1501 and the single-gallery-shot protocol.

Conventions (specs: evaluation.md 1 and 2)
    Distances ascend; equal distances are ordered by gallery index. For a query (id p, camera c)
    the gallery items with id p *and* camera c are taken out, and so is every junk item (id -1).
    Distractors (id 0) stay as ordinary non-matches. A query that keeps no match is skipped: it
    counts neither in the means nor in the CMC denominator. Results are fractions 0-1 in float64.

Average precision (specs: evaluation.md 2)
    "step": the mean of the precision at each match. "trapezoid": of that and the precision before
    it. "grouped": step with equal distances taken as one place, as scikit-learn's
    `average_precision_score` and the codes that call it have it. CMC and mINP are one in all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import ImpossibleResultError, ShapeError, UsageError
from gclbench.kernels.jit import over_rows
from gclbench.kernels.plausible import check_ranking
from gclbench.kernels.products import products
from gclbench.kernels.ranked_lists import (
    NOT_FINITE,
    NOT_RISING,
    grouped_precisions,
    score_lists,
)
from gclbench.kernels.ranking_result import RankingResult

AveragePrecision = Literal["step", "trapezoid", "grouped"]
JUNK_PID = -1

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_BLOCK_BYTES = 1 << 28
_QUERIES_PER_TASK = 32


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
    nearest: int = 0,
    block: int = 512,
) -> RankingResult:
    """Rank a gallery for every query by squared Euclidean distance of unit rows.

    Shapes    query and gallery as for `distance_blocks`; q_pids, q_cams (Q,), g_pids, g_cams (G,)
              integers. The first `nearest` rows of each list are returned.
    Cost      one matrix product; then, per query, a pass over the gallery for each match, on as
              many threads as torch uses. The result does not depend on their number.
    Raises    ShapeError; UsageError for an empty query or gallery, non-finite features, an unknown
              kind of average precision, or when no query has a match; ImpossibleResultError.
    """
    blocks = distance_blocks(query, gallery, block)
    labels = _Labels.of(q_pids, q_cams, g_pids, g_cams, len(query), len(gallery))
    return _rank(blocks, labels, average_precision, max_rank, nearest)


def evaluate_distances(
    distances: Any,
    q_pids: Any,
    q_cams: Any,
    g_pids: Any,
    g_cams: Any,
    *,
    average_precision: AveragePrecision = "step",
    max_rank: int = 50,
    nearest: int = 0,
) -> RankingResult:
    """Rank by given distances, smaller is nearer. Otherwise see `evaluate_ranking`.

    `distances` is a matrix (Q, G), or an iterator of its consecutive row blocks (b, G): each is
    used up before the next one is asked for, so that Q x G numbers need never exist at once.
    """
    blocks, queries, gallery = _row_blocks(distances, q_pids, g_pids)
    labels = _Labels.of(q_pids, q_cams, g_pids, g_cams, queries, gallery)
    return _rank(blocks, labels, average_precision, max_rank, nearest)


def single_shot_cmc(
    distances: Any,
    q_pids: Any,
    q_cams: Any,
    g_pids: Any,
    g_cams: Any,
    rng: np.random.Generator,
    *,
    draws: int = 10,
    max_rank: int = 50,
) -> Floats:
    """Return the CMC of galleries that hold one random item of every identity (CUHK03).

    Source   torchreid `eval_cuhk03`, open-reid's option: for every query, `draws` times, one item
             of each identity is drawn among the items that the query keeps. Distractors (id 0) are
             one identity. The mean is over draws and valid queries.
    Shapes   distances as for `evaluate_distances` -> (min(max_rank, gallery identities),).
    Raises   as `evaluate_ranking`; UsageError for draws < 1.
    """
    if draws < 1 or max_rank < 1:
        raise UsageError(f"draws = {draws}, max_rank = {max_rank}: both must be at least 1.")
    blocks, queries, gallery = _row_blocks(distances, q_pids, g_pids)
    labels = _Labels.of(q_pids, q_cams, g_pids, g_cams, queries, gallery)
    starts = np.unique(labels.g_pids[labels.members], return_index=True)[1]
    found = np.zeros(len(starts), dtype=np.int64)
    for start, block in _checked(blocks, labels):
        if not np.isfinite(block).all():
            raise _not_finite()
        for q, row in enumerate(block, start):
            ranks = _drawn_ranks(row, q, labels, starts, rng, draws)
            found += np.bincount(ranks - 1, minlength=len(found))
    if not found.any():
        raise _no_match()
    return np.cumsum(found)[:max_rank] / found.sum()


def distance_blocks(query: Any, gallery: Any, block: int = 512) -> Iterator[NDArray[Any]]:
    """Return the rows of 2 - 2 q.g, `block` queries at a time, fewer where that takes 256 MB.

    Shapes    query (Q, D), gallery (G, D) torch or NumPy, rows of length 1 (not normalised here)
              -> arrays (b, G) in the query's type, float32 or float64; any other becomes float32.
    Device    products are computed where the gallery lies.
    Raises    ShapeError, UsageError for block < 1.
    """
    q, g = torch.as_tensor(query).detach(), torch.as_tensor(gallery).detach()
    if q.ndim != 2 or g.ndim != 2 or q.shape[1] != g.shape[1]:
        raise ShapeError(
            f"features are {tuple(q.shape)} and {tuple(g.shape)}, not (Q, D), (G, D)."
        )
    if block < 1:
        raise UsageError(f"block is {block}, it must be at least 1.")
    dtype = torch.float64 if q.dtype == torch.float64 else torch.float32
    rows = min(block, max(1, _BLOCK_BYTES // (dtype.itemsize * max(1, len(g)))))
    return _distance_blocks(q, g.to(dtype), rows)


def _distance_blocks(q: Tensor, g: Tensor, rows: int) -> Iterator[NDArray[Any]]:
    two = torch.tensor(2, dtype=g.dtype, device=g.device)
    for part in q.split(rows):
        product = products(part.to(g), g)
        yield torch.sub(two, product, alpha=2, out=product).cpu().numpy()


@dataclass(frozen=True)
class _Labels:
    """Who is asked for, and the gallery by identity.

    `members` are the gallery's indices without junk, by identity, then by index:
    members[begins[q]:ends[q]] have the identity of query q.
    """

    q_cams: Ints
    g_pids: Ints
    g_cams: Ints
    members: Ints
    begins: Ints
    ends: Ints
    junk: Ints

    @classmethod
    def of(
        cls, q_pids: Any, q_cams: Any, g_pids: Any, g_cams: Any, queries: int, gallery: int
    ) -> _Labels:
        if queries == 0 or gallery == 0:
            raise UsageError(f"{queries} queries, {gallery} gallery items: neither may be empty.")
        wanted = _integers("q_pids", q_pids, queries)
        pids = _integers("g_pids", g_pids, gallery)
        order = np.argsort(pids, kind="stable")
        members = order[pids[order] != JUNK_PID]
        return cls(
            q_cams=_integers("q_cams", q_cams, queries),
            g_pids=pids,
            g_cams=_integers("g_cams", g_cams, gallery),
            members=members,
            begins=np.searchsorted(pids[members], wanted, side="left"),
            ends=np.searchsorted(pids[members], wanted, side="right"),
            junk=np.flatnonzero(pids == JUNK_PID),
        )


def _integers(name: str, values: Any, length: int) -> Ints:
    array = np.ascontiguousarray(np.asarray(values), dtype=np.int64)
    if array.shape != (length,):
        raise ShapeError(f"{name} has shape {array.shape}, expected ({length},).")
    return array


def _row_blocks(distances: Any, q_pids: Any, g_pids: Any) -> tuple[Iterable[Any], int, int]:
    """Return the blocks, Q and G of a matrix or of an iterator of row blocks."""
    if isinstance(distances, Iterator):
        return distances, np.size(q_pids), np.size(g_pids)
    matrix = _as_floats(distances)
    if matrix.ndim != 2:
        raise ShapeError(f"distances have shape {matrix.shape}, not (Q, G).")
    return (matrix,), *matrix.shape


def _as_floats(values: Any) -> NDArray[Any]:
    """float32 as it is, any other type as float64."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.numpy() if values.dtype == torch.float32 else values.double().numpy()
    array = np.asarray(values)
    return np.ascontiguousarray(array, np.float32 if array.dtype == np.float32 else np.float64)


def _checked(blocks: Iterable[Any], labels: _Labels) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (first query, distances); the blocks must make up a (Q, G) matrix."""
    queries, gallery = len(labels.q_cams), len(labels.g_cams)
    start = 0
    for block in blocks:
        distances = _as_floats(block)
        if distances.ndim != 2 or distances.shape[1] != gallery:
            raise ShapeError(f"a block has shape {distances.shape}, expected (b, {gallery}).")
        if start + len(distances) > queries:
            raise ShapeError(f"the blocks have more rows than the {queries} queries.")
        yield start, distances
        start += len(distances)
    if start < queries:
        raise ShapeError(f"the blocks have {start} rows for {queries} queries.")


def _rank(
    blocks: Iterable[Any], labels: _Labels, average_precision: str, max_rank: int, nearest: int
) -> RankingResult:
    if average_precision not in ("step", "trapezoid", "grouped"):
        raise UsageError(
            f"average_precision is '{average_precision}'.", "Allowed: step, trapezoid, grouped."
        )
    if max_rank < 1:
        raise UsageError(f"max_rank is {max_rank}, it must be at least 1.")
    if nearest < 0:
        raise UsageError(f"nearest is {nearest}, it must be at least 0.")
    queries, gallery = len(labels.q_cams), len(labels.g_cams)
    ap, inp = np.full(queries, np.nan), np.full(queries, np.nan)
    first = np.zeros(queries, dtype=np.int64)
    rows, near = _empty_lists(queries, min(nearest, gallery))
    lists = labels.q_cams, labels.begins, labels.ends, labels.members, labels.g_cams, labels.junk
    for start, distances in _checked(blocks, labels):
        step = average_precision != "trapezoid"
        everything = distances, start, *lists, step, ap, inp, first, rows, near
        ends = over_rows(score_lists, len(distances), *everything, chunk=_QUERIES_PER_TASK)
        if NOT_FINITE in ends:
            raise _not_finite()
        if NOT_RISING in ends:
            raise ImpossibleResultError("the ranks of a query's matches do not rise")
        if average_precision == "grouped":
            shared = distances, start, *lists, ap
            over_rows(grouped_precisions, len(distances), *shared, chunk=_QUERIES_PER_TASK)
    result = _summarise(ap, inp, first, min(max_rank, gallery), rows, near)
    check_ranking(result)
    return result


def _empty_lists(queries: int, length: int) -> tuple[Ints, Floats]:
    shape = queries, length
    return np.full(shape, -1, dtype=np.int64), np.full(shape, np.inf)


def _summarise(
    ap: Floats, inp: Floats, first: Ints, length: int, rows: Ints, near: Floats
) -> RankingResult:
    valid = first > 0
    if not valid.any():
        raise _no_match()
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
        nearest=rows,
        nearest_distances=near,
    )


def _not_finite() -> UsageError:
    return UsageError("distances contain NaN or infinity.", "Check the encoder's features.")


def _no_match() -> UsageError:
    return UsageError(
        "no query has a match in the gallery under another camera.",
        "Check the identities and cameras of query and gallery.",
    )


def _drawn_ranks(
    row: NDArray[Any],
    q: int,
    labels: _Labels,
    starts: Ints,
    rng: np.random.Generator,
    draws: int,
) -> Ints:
    """Rank of query q's match in each draw of one item an identity; empty for a skipped query."""
    own = labels.members[labels.begins[q] : labels.ends[q]]
    own = own[labels.g_cams[own] != labels.q_cams[q]]
    if len(own) == 0:
        return np.zeros(0, dtype=np.int64)
    identity = np.searchsorted(starts, labels.begins[q])
    sizes = np.diff(starts, append=len(labels.members))
    sizes[identity] = len(own)
    picks = rng.integers(sizes, size=(draws, len(sizes)))
    match = own[picks[:, identity], None]
    items = labels.members[starts + picks]
    ahead = (row[items] < row[match]) | ((row[items] == row[match]) & (items < match))
    ahead[:, identity] = False
    return 1 + ahead.sum(axis=1)
