"""CMC and mAP of a whole retrieval list: from distances, and from features without Q x G numbers.

Two references: the loop over the sorted list that public re-ID code runs in Python, and NumPy on
full matrices (one argsort, then vectorised precision). Both are written from the definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Arrays, Measurement, Side, largest_difference, markdown, measure

CASES = {
    "small": (("distances", 100, 600, 32), ("features", 100, 600, 64)),
    "full": (
        ("distances", 3_368, 15_913, 128),
        ("features", 3_368, 15_913, 2048),
        ("features", 11_659, 82_161, 512),
    ),
}
LARGEST_FULL_MATRIX = 10**8
PEOPLE, CAMERAS, JUNK, DISTRACTOR = 750, 6, -1, 0
REFERENCES = {"distances": "python_loop", "features": "numpy_matrices"}


class Lists(NamedTuple):
    """In the order that the ranking functions take them."""

    q_pids: NDArray[np.int64]
    q_cams: NDArray[np.int64]
    g_pids: NDArray[np.int64]
    g_cams: NDArray[np.int64]


def from_distances(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from gclbench.kernels.ranking import evaluate_distances

    lists = _lists(case)
    distances = _distances(*_features(case, lists))
    return lambda: _answers(evaluate_distances(distances, *lists))


def from_features(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from gclbench.kernels.ranking import evaluate_ranking

    lists = _lists(case)
    query, gallery = _features(case, lists)
    return lambda: _answers(evaluate_ranking(query, gallery, *lists))


def products_alone(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    """The floor: all scalar products, nothing looked at."""
    import torch

    from gclbench.kernels.products import products

    query, gallery = (torch.from_numpy(rows) for rows in _features(case, _lists(case)))

    def work() -> Arrays:
        for part in query.split(512):
            products(part, gallery)
        return {}

    return work


def python_loop(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    lists = _lists(case)
    distances = _distances(*_features(case, lists))
    return lambda: _loop(distances, lists)


def numpy_matrices(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    lists = _lists(case)
    query, gallery = _features(case, lists)
    return lambda: _vectorised(_distances(query, gallery), lists)


def report(sizes: str) -> str:
    columns = [
        "given", "queries x gallery", "d", "ours (s)", "reference (s)", "ratio",
        "beyond the input (GB)", "reference (GB)", "largest difference of AP",
        "largest difference of CMC", "products alone (s)",
    ]  # fmt: skip
    return (
        "## Ranking: CMC and mAP\n\n"
        f"{PEOPLE} identities for every 16,000 gallery images, {CAMERAS} cameras, 17 % "
        "distractors, 3 % junk; float32. Reference: given distances, argsort and a Python loop "
        "over each list; given features, the full matrix in NumPy, argsort and vectorised "
        "precision. Above 10^8 distances there is none. Two float32 products may order two "
        "nearly equal distances differently: given features, AP then differs.\n\n"
        + markdown(columns, [_row(*case) for case in CASES[sizes]])
    )


def _row(given: str, queries: int, gallery: int, d: int) -> list[str]:
    case = {"queries": queries, "gallery": gallery, "d": d}
    own, arrays = measure(Side(f"benchmarks.ranking:from_{given}", 3), case)
    row = [given, f"{queries:,} x {gallery:,}", str(d), f"{own.seconds:.3f}"]
    if queries * gallery > LARGEST_FULL_MATRIX:
        row += ["", "", _beyond(own), "", "", ""]
    else:
        side = Side(f"benchmarks.ranking:{REFERENCES[given]}", 1, warm_up=False)
        plain, expected = measure(side, case)
        row += [f"{plain.seconds:.2f}", f"{plain.seconds / own.seconds:.0f}", _beyond(own)]
        row += [_beyond(plain), *_differences(arrays, expected)]
    if given == "distances":
        return [*row, ""]
    return [*row, f"{measure(Side('benchmarks.ranking:products_alone', 3), case)[0].seconds:.3f}"]


def _beyond(side: Measurement) -> str:
    return f"{side.peak_gb - side.before_gb:.2f}"


def _differences(ours: Arrays, reference: Arrays) -> list[str]:
    return [
        f"{largest_difference({name: ours[name]}, {name: reference[name]}):.1e}"
        for name in ("ap", "cmc")
    ]


def _lists(case: Mapping[str, Any]) -> Lists:
    rng = np.random.default_rng(0)
    queries, gallery = case["queries"], case["gallery"]
    people = max(2, gallery * PEOPLE // 16_000)
    g_pids = rng.integers(1, people + 1, gallery)
    kind = rng.random(gallery)
    g_pids[kind < 0.20] = DISTRACTOR
    g_pids[kind < 0.03] = JUNK
    q_pids = rng.integers(1, people + 1, queries)
    cameras = (rng.integers(0, CAMERAS, size) for size in (queries, gallery))
    return Lists(q_pids, next(cameras), g_pids, next(cameras))


def _features(
    case: Mapping[str, Any], lists: Lists
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Unit rows: how much an image shows of its identity varies, so that lists are not perfect.

    Distractors and junk are like nobody. Made a piece at a time, so that memory never holds more
    than the rows themselves.
    """
    rng = np.random.default_rng(1)
    d, sides = case["d"], []
    centres = rng.standard_normal((int(lists.g_pids.max()) + 1, d), dtype=np.float32)
    centres[DISTRACTOR] = 0
    for pids in (lists.q_pids, lists.g_pids):
        rows = np.empty((len(pids), d), dtype=np.float32)
        for start in range(0, len(rows), 1024):
            who = np.maximum(pids[start : start + 1024], DISTRACTOR)
            part = rng.standard_normal((len(who), d), dtype=np.float32)
            part += centres[who] * rng.random((len(who), 1), dtype=np.float32)
            rows[start : start + 1024] = part / np.linalg.norm(part, axis=1, keepdims=True)
        sides.append(rows)
    return sides[0], sides[1]


def _distances(query: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float32]:
    return 2 - 2 * (query @ gallery.T)


def _answers(result: Any) -> Arrays:
    return {"ap": result.ap, "cmc": result.cmc}


def _loop(distances: NDArray[np.float32], lists: Lists) -> Arrays:
    q_pids, q_cams, g_pids, g_cams = (labels.tolist() for labels in lists)
    ap, first = np.full(len(q_pids), np.nan), []
    for q, row in enumerate(distances):
        hits, rank, total = 0, 0, 0.0
        for j in np.argsort(row, kind="stable").tolist():
            same = g_pids[j] == q_pids[q]
            if g_pids[j] == JUNK or (same and g_cams[j] == q_cams[q]):
                continue
            rank += 1
            if same:
                hits += 1
                total += hits / rank
                if hits == 1:
                    first.append(rank)
        if hits:
            ap[q] = total / hits
    return {"ap": ap, "cmc": _curve(np.array(first))}


def _vectorised(distances: NDArray[np.float32], lists: Lists) -> Arrays:
    order = np.argsort(distances, axis=1, kind="stable")
    match = lists.g_pids[order] == lists.q_pids[:, None]
    same_camera = lists.g_cams[order] == lists.q_cams[:, None]
    kept = ~(match & same_camera) & (lists.g_pids[order] != JUNK)
    match &= kept
    ranks, hits = np.cumsum(kept, axis=1), np.cumsum(match, axis=1)
    precision = np.where(match, hits / np.maximum(ranks, 1), 0).sum(axis=1)
    valid = match.any(axis=1)
    ap = np.full(len(match), np.nan)
    ap[valid] = precision[valid] / hits[valid, -1]
    first = ranks[np.arange(len(match)), match.argmax(axis=1)]
    return {"ap": ap, "cmc": _curve(first[valid])}


def _curve(first: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.array([np.mean(first <= r) for r in range(1, 51)])
