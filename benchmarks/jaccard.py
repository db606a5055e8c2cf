"""Exact neighbours and the sparse Jaccard distance against the dense way of public re-ID code.

The reference is written from the equations (Zhong et al., 2017; k1 = 30 entries with self, half
expansion, the 2/3 rule, query expansion over k2 = 6) as public code lays it out: a dense V, an
inverted index from its columns, and one row of minima at a time in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.features import clustered_rows
from benchmarks.harness import (
    Arrays,
    Measurement,
    Side,
    Work,
    largest_difference,
    markdown,
    measure,
)

K1, K2 = 30, 6
CASES = {
    "small": ((600, 64),),
    "full": (
        (2_000, 2048),
        (5_000, 2048),
        (12_936, 512),
        (12_936, 2048),
        (32_621, 512),
        (32_621, 2048),
        (100_000, 512),
    ),
}
LARGEST_DENSE = 40_000


def ours(case: Mapping[str, Any]) -> Work:
    from gclbench.kernels.jaccard import jaccard_distances

    rows, sample = _input(case)
    jaccard_distances(rows[:1100], K1, K2)  # loads the compiled kernels

    def work() -> Callable[[], Arrays]:
        distances = jaccard_distances(rows, K1, K2)
        return lambda: {"jaccard": _between(distances, sample)}

    return work


def reference(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    rows, sample = _input(case)

    def work() -> Arrays:
        jaccard = _dense_jaccard(_plain_neighbours(rows, K1), rows)
        return {"jaccard": jaccard[np.ix_(sample, sample)]}

    return work


def neighbours(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from gclbench.kernels.similarity import nearest

    rows, _ = _input(case)
    nearest(rows[:1100], K1)
    return lambda: {"table": nearest(rows, K1)[0]}


def faiss_neighbours(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    import faiss

    rows, _ = _input(case)
    return lambda: {"table": faiss.knn(rows, rows, K1, metric=faiss.METRIC_INNER_PRODUCT)[1]}


def plain_neighbours(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    rows, _ = _input(case)
    return lambda: {"table": _plain_neighbours(rows, K1)}


def half_the_products(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    """The floor: half of all scalar products, nothing looked at."""
    import torch

    from gclbench.kernels.products import products

    rows = torch.from_numpy(_input(case)[0])

    def work() -> Arrays:
        for start in range(0, len(rows), 1024):
            for left in range(start, len(rows), 1024):
                products(rows[start : start + 1024], rows[left : left + 1024])
        return {}

    return work


def report(sizes: str) -> str:
    columns = [
        "N x d", "kNN + Jaccard (s)", "dense way (s)", "ratio", "peak GB", "dense peak GB",
        "largest difference", "exact kNN alone (s)", "of kNN alone", "faiss kNN (s)",
        "matmul + topk (s)", "half the products (s)",
    ]  # fmt: skip
    return (
        "## Neighbours and Jaccard distance\n\n"
        f"k1 = {K1}, k2 = {K2}, float32. The dense way holds V and J as N x N; its kNN is a "
        "blocked matmul and topk. Peak GB is the resident memory of the whole process. Beyond "
        f"N = {LARGEST_DENSE:,} the dense way is left out (40 GB a matrix at 100,000).\n\n"
        + markdown(columns, [_row(n, d) for n, d in CASES[sizes]])
    )


def _row(n: int, d: int) -> list[str]:
    case = {"n": n, "d": d}
    repeats = 5 if n < 20_000 else 3 if n < 50_000 else 1

    def side(name: str, times: int = repeats) -> tuple[Measurement, Arrays]:
        return measure(Side(f"benchmarks.jaccard:{name}", times, warm_up=False), case)

    own, arrays = side("ours")
    knn, floor = side("neighbours")[0].seconds, side("half_the_products")[0].seconds
    dense: tuple[Measurement, Arrays] | None = None
    others = ["", ""]
    if n <= LARGEST_DENSE:
        dense = side("reference", 1)
        names = ("faiss_neighbours", "plain_neighbours")
        others = [f"{side(name, 1)[0].seconds:.2f}" for name in names]
    return [
        f"{n:,} x {d}",
        f"{own.seconds:.2f}",
        f"{dense[0].seconds:.1f}" if dense else "",
        f"{dense[0].seconds / own.seconds:.1f}" if dense else "",
        f"{own.peak_gb:.2f}",
        f"{dense[0].peak_gb:.1f}" if dense else "",
        f"{largest_difference(arrays, dense[1]):.1e}" if dense else "",
        f"{knn:.2f}",
        f"{own.seconds / knn:.2f}",
        *others,
        f"{floor:.2f}",
    ]


def _input(case: Mapping[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rows = clustered_rows(case["n"], case["d"])
    return rows, np.sort(np.random.default_rng(1).choice(len(rows), min(500, len(rows)), False))


def _between(distances: Any, sample: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sample's part of the matrix, from the stored pairs (absent: 1)."""
    place = np.full(distances.n, -1)
    place[sample] = np.arange(len(sample))
    part = 1 - np.eye(len(sample))
    starts, counts = distances.indptr[sample], np.diff(distances.indptr)[sample]
    a = np.repeat(np.arange(len(sample)), counts)
    stored = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    b, values = place[distances.indices[stored]], distances.values[stored]
    inside = b >= 0
    part[a[inside], b[inside]] = part[b[inside], a[inside]] = values[inside]
    return part


def _plain_neighbours(rows: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    import torch

    matrix = torch.from_numpy(rows)
    parts = [(block @ matrix.T).topk(k, dim=1).indices for block in matrix.split(512)]
    return torch.cat(parts).numpy()


def _dense_jaccard(table: NDArray[np.int64], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    n, half = len(table), round(K1 / 2) + 1
    full_sets = [_reciprocal(table, i, K1) for i in range(n)]
    half_sets = [_reciprocal(table, i, half) for i in range(n)]
    weights = np.zeros((n, n), dtype=np.float32)
    for i in range(n):
        members = full_sets[i]
        for j in full_sets[i]:
            if len(np.intersect1d(half_sets[j], full_sets[i])) > 2 / 3 * len(half_sets[j]):
                members = np.append(members, half_sets[j])
        members = np.unique(members)
        near = np.exp(-(2 - 2 * (rows[members] @ rows[i])))
        weights[i, members] = near / near.sum()
    expanded = np.empty_like(weights)
    for i in range(n):
        expanded[i] = weights[table[i, :K2]].mean(axis=0)
    del weights
    holders = [np.flatnonzero(expanded[:, j]) for j in range(n)]
    jaccard = np.empty((n, n), dtype=np.float32)
    for i in range(n):
        shared = np.zeros(n, dtype=np.float32)
        for j in np.flatnonzero(expanded[i]):
            shared[holders[j]] += np.minimum(expanded[i, j], expanded[holders[j], j])
        jaccard[i] = 1 - shared / (2 - shared)
    return np.maximum(jaccard, 0)


def _reciprocal(table: NDArray[np.int64], i: int, k: int) -> NDArray[np.int64]:
    forward = table[i, :k]
    return forward[(table[forward, :k] == i).any(axis=1)]
