"""DBSCAN on the sparse Jaccard graph against scikit-learn on the dense matrix, same distances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.features import clustered_rows
from benchmarks.harness import Arrays, Side, markdown, measure

EPS = (0.4, 0.45, 0.5, 0.55, 0.6)
MIN_SAMPLES = (1, 4)
CASES = {
    "small": ((600, 64),),
    "full": ((2_000, 512), (5_000, 512), (12_936, 512), (32_621, 512), (100_000, 512)),
}
LARGEST_DENSE = 13_000


def ours(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from gclbench.kernels.dbscan import dbscan

    distances = _distances(case)
    return lambda: {
        f"{eps} {few}": dbscan(distances, eps, few) for eps in EPS for few in MIN_SAMPLES
    }


def reference(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from sklearn.cluster import DBSCAN

    matrix = _distances(case).dense()
    return lambda: {
        f"{eps} {few}": DBSCAN(eps=eps, min_samples=few, metric="precomputed").fit_predict(matrix)
        for eps in EPS
        for few in MIN_SAMPLES
    }


def report(sizes: str) -> str:
    columns = ["N", "ours (ms)", "scikit-learn, dense (ms)", "ratio", "peak GB", "dense peak GB",
               "labels that differ"]  # fmt: skip
    return (
        "## DBSCAN\n\n"
        f"Mean of {len(EPS) * len(MIN_SAMPLES)} clusterings (eps {', '.join(map(str, EPS))}; "
        "min_samples 1 and 4) of the same Jaccard distances; memory includes making them.\n\n"
        + markdown(columns, [_row(n, d) for n, d in CASES[sizes]])
    )


def _row(n: int, d: int) -> list[str]:
    case, runs = {"n": n, "d": d}, len(EPS) * len(MIN_SAMPLES)
    own, labels = measure(Side("benchmarks.dbscan:ours", 5), case)
    row = [f"{n:,}", f"{1000 * own.seconds / runs:.1f}"]
    if n > LARGEST_DENSE:
        return [*row, "", "", f"{own.peak_gb:.2f}", "", ""]
    dense, expected = measure(Side("benchmarks.dbscan:reference", 1), case)
    different = sum(int((labels[name] != expected[name]).sum()) for name in expected)
    return [
        *row,
        f"{1000 * dense.seconds / runs:.0f}",
        f"{dense.seconds / own.seconds:.0f}",
        f"{own.peak_gb:.2f}",
        f"{dense.peak_gb:.2f}",
        str(different),
    ]


def _distances(case: Mapping[str, Any]) -> Any:
    from gclbench.kernels.jaccard import jaccard_distances

    return jaccard_distances(clustered_rows(case["n"], case["d"]), 30, 6)
