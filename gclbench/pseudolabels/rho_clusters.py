"""Connected clusters under a radius that the distances themselves choose, in linear memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gclbench.errors import UsageError
from gclbench.kernels.dbscan import rho_count
from gclbench.kernels.reranked_graph import PairDistances

_BLOCK = 256
# What float32 leaves of a distance of 0 between unit rows.
_ZERO = 1e-6


def rho_clusters(distances: PairDistances, rho: float) -> tuple[NDArray[np.int64], float]:
    """Return labels (N,) int64, numbered by their first member, and eps.

    eps = mean of the n smallest non-zero pair distances, n = max(1, round(rho * count)); pairs
    with a distance of at most eps, zeros too, are connected. No outliers: who is near nobody is a
    cluster of one.

    Source    JVTC's clustering primitive without re-ranking (jvtc.md 3.3): DBSCAN with
              min_samples 1 is what connected components are.
    Memory    N x 256 numbers and rho * N^2 / 2 more, never N x N; all pairs are computed twice.
    Raises    UsageError for rho <= 0 or distances that are not finite.
    """
    if not rho > 0:
        raise UsageError(f"rho is {rho}, it must be above 0.")
    eps = _mean_of_smallest(distances, rho)
    return _components(distances, eps), eps


def _upper(distances: PairDistances) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (first column, block): entry (i, j) is D[i, first + j]; infinite where i >= first + j.

    Rows below the block's last column are left out.
    """
    for start in range(0, distances.n, _BLOCK):
        stop = min(start + _BLOCK, distances.n)
        block = distances.columns(start, stop)[:stop]
        if not bool(torch.isfinite(block).all()):
            raise UsageError("distances contain NaN or infinity.", "Check the encoder's features.")
        values = block.numpy().astype(np.float32, copy=True)
        values[values < _ZERO] = 0
        values[np.arange(stop)[:, None] >= np.arange(start, stop)] = np.inf
        yield start, values


def _mean_of_smallest(distances: PairDistances, rho: float) -> float:
    pairs = distances.n * (distances.n - 1) // 2
    most = rho_count(max(1, pairs), rho)
    least, count = np.empty(0, dtype=np.float32), 0
    for _, block in _upper(distances):
        found = block[(block > 0) & (block < np.inf)]
        count += len(found)
        least = np.concatenate([least, found])
        if len(least) > most:
            least = np.partition(least, most - 1)[:most]
    if count == 0:
        return 0.0
    wanted = rho_count(count, rho)
    return float(np.sort(least)[:wanted].astype(np.float64).mean())


def _components(distances: PairDistances, eps: float) -> NDArray[np.int64]:
    n = distances.n
    labels = np.arange(n)
    for start, block in _upper(distances):
        rows, columns = np.nonzero(block <= np.float32(eps))
        ends = labels[rows], labels[columns + start]
        graph = coo_array((np.ones(len(rows), dtype=np.int8), ends), shape=(n, n))
        labels = connected_components(graph, directed=False)[1][labels].astype(np.int64)
    first = np.unique(labels, return_index=True)[1]
    number = np.empty(int(labels.max()) + 1, dtype=np.int64)
    number[labels[np.sort(first)]] = np.arange(len(first))
    return number[labels]
