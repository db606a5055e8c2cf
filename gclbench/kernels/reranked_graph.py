"""Re-ranked distances of all pairs, kept sparse, and their connected clusters (JVTC's refresh).

Source    jvtc.md 3.3 and 3.4: w_ij = (1 - mix) J_ij + mix O_ij. O is the input distance D minus
          its column's minimum, divided by its column's maximum, transposed; J is the Jaccard
          distance of weights exp(-O) on classic neighbourhoods (k1 + 1 entries).
Memory    Two points that share no weight have J = 1, hence w >= 1 - mix: the other pairs are
          stored, these are computed again from D in the rare case that a rule reaches them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import UsageError
from gclbench.kernels.dbscan import OUTLIER, rho_count
from gclbench.kernels.jaccard import check_neighbourhood, expanded_sets, jaccard_of_sets
from gclbench.kernels.jit import jit
from gclbench.kernels.plausible import check_labels
from gclbench.kernels.similarity import smallest
from gclbench.kernels.sparse import SparseDistances

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
_BLOCK = 256


class PairDistances(Protocol):
    """Distances of n points that are computed when asked for; need not be symmetric."""

    @property
    def n(self) -> int: ...

    def columns(self, start: int, stop: int) -> Tensor:
        """Return D[:, start:stop], float32 on the CPU, finite and not negative."""

    def pairs(self, rows: NDArray[Any], columns: NDArray[Any]) -> Floats:
        """Return D[rows, columns], one entry a pair."""


@dataclass(frozen=True)
class RerankedGraph:
    """The pairs i < j of `jaccard` with w_ij in `upper` and w_ji in `lower`, float32.

    Any other pair has w = 1 - mix + mix O.
    """

    distances: PairDistances
    jaccard: SparseDistances
    upper: Floats
    lower: Floats
    low: Floats
    high: Floats
    mix: float

    def rows(self, start: int, stop: int) -> Floats:
        """Return w[start:stop], every pair, (stop - start, N)."""
        block = _original(self.distances.columns(start, stop), self.low, self.high, start)
        block *= self.mix
        block += 1 - self.mix
        graph = self.jaccard
        for i in range(start, stop):
            span = slice(graph.indptr[i], graph.indptr[i + 1])
            block[i - start, graph.indices[span]] = self.upper[span]
            block[i - start, i] -= 1 - self.mix
        inside = (graph.indices >= start) & (graph.indices < stop)
        block[graph.indices[inside] - start, self.owners()[inside]] = self.lower[inside]
        return block

    def owners(self) -> Ints:
        """Return the row of every stored pair."""
        return np.repeat(np.arange(self.jaccard.n), np.diff(self.jaccard.indptr))


def reranked_graph(distances: PairDistances, k1: int, k2: int, mix: float) -> RerankedGraph:
    """Re-rank all pairs. Raises UsageError for k1, k2 < 1, mix outside [0, 1), a non-finite D."""
    check_neighbourhood(k1, k2, "classic")
    if not 0 <= mix < 1:
        raise UsageError(f"mix is {mix}, it must be at least 0 and below 1.")
    table, low, high = _neighbours(distances, max(k1 + 1, k2))
    offsets, columns = expanded_sets(np.ascontiguousarray(table[:, : k1 + 1]), k1)
    rows = np.repeat(np.arange(distances.n), np.diff(offsets))
    original = _original_pairs(distances, low, high, rows, columns)
    jaccard = jaccard_of_sets(offsets, columns, original.astype(np.float64), table[:, :k2])
    rows = np.repeat(np.arange(distances.n), np.diff(jaccard.indptr))
    columns = jaccard.indices
    shared = (1 - mix) * jaccard.values
    upper: Floats = shared + mix * _original_pairs(distances, low, high, rows, columns)
    lower: Floats = shared + mix * _original_pairs(distances, low, high, columns, rows)
    return RerankedGraph(distances, jaccard, upper, lower, low, high, mix)


def connected_clusters(graph: RerankedGraph, rho: float, factor: float) -> tuple[Ints, float]:
    """JVTC's clustering: eps by the rho rule times `factor`, then DBSCAN with min_samples 1.

    eps       factor times the mean of the n smallest w_ij, i < j, n = max(1, round(rho * count)),
              exact zeros left out (D-15).
    labels    (N,), without outliers, since every point is core. w is not symmetric: a cluster
              holds what its first point reaches along rows, as in scikit-learn.
    """
    if not rho > 0:
        raise UsageError(f"rho is {rho}, it must be above 0.")
    eps = factor * _mean_of_smallest(graph, rho)
    sparse = eps < 1 - graph.mix
    labels = _reach(*_within(graph, eps), graph.jaccard.n) if sparse else _reach_any(graph, eps)
    check_labels(labels)
    return labels, eps


def _neighbours(distances: PairDistances, size: int) -> tuple[Ints, Floats, Floats]:
    n, tables = distances.n, []
    low, high = np.empty(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        block = distances.columns(start, stop).T.contiguous()
        if not bool(torch.isfinite(block).all()):
            raise UsageError("distances contain NaN or infinity.", "Check the encoder's features.")
        low[start:stop] = block.min(dim=1).values.numpy()
        block -= torch.from_numpy(low[start:stop, None])
        high[start:stop] = block.max(dim=1).values.clamp(min=1e-12).numpy()
        block /= torch.from_numpy(high[start:stop, None])
        tables.append(smallest(block, min(size, n), start)[0])
    return np.concatenate(tables), low, high


def _original(columns: Tensor, low: Floats, high: Floats, start: int) -> Floats:
    """O[start:stop] from D[:, start:stop]."""
    block = columns.T.numpy().copy()
    span = slice(start, start + len(block))
    block -= low[span, None]
    block /= high[span, None]
    return block


def _original_pairs(
    distances: PairDistances, low: Floats, high: Floats, rows: NDArray[Any], columns: NDArray[Any]
) -> Floats:
    # Entries that are computed one by one may round below the column's minimum.
    above = np.maximum(distances.pairs(columns, rows) - low[rows], 0)
    return np.asarray(above / high[rows], dtype=np.float32)


def _mean_of_smallest(graph: RerankedGraph, rho: float) -> float:
    n, stored = graph.jaccard.n, graph.upper[graph.upper > 0].astype(np.float64)
    count = n * (n - 1) // 2 - int((graph.upper == 0).sum())
    if count == 0:
        return 0.0
    wanted = rho_count(count, rho)
    if wanted <= len(stored):
        least = np.partition(stored, wanted - 1)[:wanted]
        if least.max() <= 1 - graph.mix:
            return float(least.mean())
    return float(_smallest_of_all(graph, wanted).mean())


def _smallest_of_all(graph: RerankedGraph, wanted: int) -> NDArray[np.float64]:
    least = np.empty(0)
    for start, block in _blocks(graph):
        rows, columns = np.nonzero(block > 0)
        above = columns > rows + start
        least = np.concatenate([least, block[rows[above], columns[above]].astype(np.float64)])
        if len(least) > wanted:
            least = np.partition(least, wanted - 1)[:wanted]
    return least


def _blocks(graph: RerankedGraph) -> Iterator[tuple[int, Floats]]:
    for start in range(0, graph.jaccard.n, _BLOCK):
        yield start, graph.rows(start, min(start + _BLOCK, graph.jaccard.n))


def _within(graph: RerankedGraph, eps: float) -> tuple[Ints, Ints]:
    """Return (indptr, columns) of the directed graph {w <= eps}, without the diagonal."""
    rows = graph.owners()
    columns = graph.jaccard.indices.astype(np.int64)
    up, down = graph.upper <= eps, graph.lower <= eps
    origin = np.concatenate([rows[up], columns[down]])
    target = np.concatenate([columns[up], rows[down]])
    order = np.argsort(origin, kind="stable")
    counts = np.bincount(origin, minlength=graph.jaccard.n)
    return np.concatenate([[0], np.cumsum(counts)]), target[order]


@jit
def _reach(indptr: Ints, columns: Ints, n: int) -> Ints:
    labels = np.full(n, OUTLIER, dtype=np.int64)
    stack = np.empty(n, dtype=np.int64)
    clusters = 0
    for seed in range(n):
        if labels[seed] != OUTLIER:
            continue
        labels[seed] = clusters
        stack[0], size = seed, 1
        while size > 0:
            size -= 1
            i = stack[size]
            for e in range(indptr[i], indptr[i + 1]):
                j = columns[e]
                if labels[j] == OUTLIER:
                    labels[j] = clusters
                    stack[size] = j
                    size += 1
        clusters += 1
    return labels


def _reach_any(graph: RerankedGraph, eps: float) -> Ints:
    """As `_reach`, over all pairs: one row of w at a time, only for points that are reached."""
    labels = np.full(graph.jaccard.n, OUTLIER, dtype=np.int64)
    clusters = 0
    for seed in range(len(labels)):
        if labels[seed] != OUTLIER:
            continue
        labels[seed], waiting = clusters, [seed]
        while waiting:
            i = waiting.pop()
            near = np.flatnonzero((graph.rows(i, i + 1)[0] <= eps) & (labels == OUTLIER))
            labels[near] = clusters
            waiting.extend(near.tolist())
        clusters += 1
    return labels
