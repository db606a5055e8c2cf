"""This checkout's kernels against another checkout's: `python -m benchmarks.against PATH`.

Rounds alternate (this one, the other, this one, ...), so that a machine whose speed drifts is fair
to both. A round is a process that runs each case a few times after a warm-up and keeps the median;
reported is the median over rounds, and the ratio of the two.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, machine, markdown

# Name -> (benchmark, side, case, how often in a round).
CASES: Mapping[str, tuple[str, str, dict[str, Any], int]] = {
    "neighbours, 2,000 x 2048": ("jaccard", "neighbours", {"n": 2000, "d": 2048}, 9),
    "kNN + Jaccard, 2,000 x 2048": ("jaccard", "ours", {"n": 2000, "d": 2048}, 9),
    "kNN + Jaccard, 5,000 x 2048": ("jaccard", "ours", {"n": 5000, "d": 2048}, 5),
    "kNN + Jaccard, 12,936 x 512": ("jaccard", "ours", {"n": 12_936, "d": 512}, 3),
    "kNN + Jaccard, 12,936 x 2048": ("jaccard", "ours", {"n": 12_936, "d": 2048}, 3),
    "DBSCAN, 2,000": ("dbscan", "ours", {"n": 2000, "d": 512}, 9),
    "DBSCAN, 12,936": ("dbscan", "ours", {"n": 12_936, "d": 512}, 9),
    "ranking of distances, 3,368 x 15,913": (
        "ranking", "from_distances", {"queries": 3368, "gallery": 15_913, "d": 128}, 9,
    ),
    "ranking of features, 3,368 x 15,913 x 2048": (
        "ranking", "from_features", {"queries": 3368, "gallery": 15_913, "d": 2048}, 3,
    ),
    "contrast, 12,936 x 512, K 8,192": (
        "contrast", "ours", {"n": 12_936, "d": 512, "k": 8192, "steps": 10}, 5,
    ),
    "projections, 256 x 128, 2 samples": (
        "rasteriser", "ours",
        {"height": 256, "width": 128, "samples": 2, "bodies": 16, "threads": 2}, 5,
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against", description=__doc__)
    parser.add_argument("other", type=Path, help="the root of another checkout")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    names = [name for name in CASES if arguments.only in name]
    if arguments.serve:
        print(json.dumps(_one_round(names)))
        return
    sides = {"here": ROOT, "there": arguments.other.resolve()}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for number in range(arguments.rounds):
        for side, root in sides.items():
            found[side].append(_round_of(root, arguments.only))
            print(f"round {number + 1} of {arguments.rounds}: {side}", file=sys.stderr, flush=True)
    print(f"{machine()}; {arguments.rounds} rounds in turn.\n")
    print(markdown(["case", "here (ms)", "there (ms)", "here / there"], _rows(names, found)))


def _rows(names: list[str], found: Mapping[str, list[dict[str, float]]]) -> list[list[str]]:
    rows = []
    for name in names:
        here, there = (
            1000 * statistics.median(one[name] for one in found[side])
            for side in ("here", "there")
        )
        rows.append([name, f"{here:.2f}", f"{there:.2f}", f"{here / there:.2f}"])
    return rows


def _round_of(root: Path, only: str) -> dict[str, float]:
    """Run a round over the package and the benchmarks of a checkout, with this module's cases."""
    code = (
        "import runpy, sys; import benchmarks.harness; "
        f"sys.argv = ['against', '.', '--serve', '--only', {only!r}]; "
        f"runpy.run_path({str(Path(__file__).resolve())!r}, run_name='__main__')"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "2", "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{root}:\n{done.stderr[-3000:]}")
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def _one_round(names: list[str]) -> dict[str, float]:
    seconds = {}
    for name in names:
        module, side, case, times = CASES[name]
        work = getattr(importlib.import_module(f"benchmarks.{module}"), side)(case)
        work()
        spent = []
        for _ in range(times):
            start = time.perf_counter()
            work()
            spent.append(time.perf_counter() - start)
        seconds[name] = statistics.median(spent)
    return seconds


if __name__ == "__main__":
    main()
