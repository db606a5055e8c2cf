"""Run one kernel and its plain reference side by side: time, memory, largest difference.

Each side runs in a process of its own, so that the resident memory it reaches is its own. A side
is a function `prepare(case) -> work` found by "module:name": `prepare` makes the input (not
timed), `work()` is timed and returns arrays by name, or a function that makes them and is not
timed; they are compared between the sides.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Work = Callable[[], Arrays | Callable[[], Arrays]]
Prepare = Callable[[Mapping[str, Any]], Work]
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Measurement:
    """Median seconds of a side, its peak resident memory, and what it held before its work."""

    seconds: float
    peak_gb: float
    before_gb: float
    repeats: int


@dataclass(frozen=True)
class Side:
    """Where a side lives, "module:function", and how often its work is timed after one warm-up.

    With `warm_up` false the first call counts: for a reference that takes a minute.
    """

    target: str
    repeats: int = 3
    warm_up: bool = True


def measure(side: Side, case: Mapping[str, Any], threads: int = 2) -> tuple[Measurement, Arrays]:
    """Run a side on a case (plain JSON values) in a fresh process. Raises RuntimeError."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.npz"
        request = json.dumps({"side": asdict(side), "case": dict(case), "out": str(out)})
        environment = os.environ | {
            "OMP_NUM_THREADS": str(threads),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.harness"],
            input=request,
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{side.target} on {dict(case)}:\n{done.stderr[-2000:]}")
        result = Measurement(**json.loads(done.stdout.splitlines()[-1]))
        with np.load(out) as arrays:
            return result, {name: arrays[name] for name in arrays.files}


def largest_difference(ours: Arrays, reference: Arrays) -> float:
    """Return the largest absolute difference over the arrays that both sides return."""
    shared = sorted(ours.keys() & reference.keys())
    if not shared:
        raise ValueError("the two sides share no array to compare")
    worst = 0.0
    for name in shared:
        a, b = (side[name].astype(np.float64) for side in (ours, reference))
        if a.shape != b.shape:
            raise ValueError(f"{name} is {a.shape} on one side and {b.shape} on the other")
        if not np.array_equal(np.isnan(a), np.isnan(b)):
            return float("inf")
        worst = max(worst, float(np.nanmax(np.abs(a - b), initial=0.0)))
    return worst


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def machine() -> str:
    """Name processor, cores and torch in one line."""
    import torch

    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return f"{model}, {os.cpu_count()} cores, torch {torch.__version__}, NumPy {np.__version__}"


def resident_gb(field: str) -> float:
    """VmRSS (now) or VmHWM (highest so far) of this process, in GB of 10^9 bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / 1e9
    raise RuntimeError(f"the kernel does not tell {field}")


def _serve() -> None:
    request = json.loads(sys.stdin.read())
    side = Side(**request["side"])
    module, name = side.target.split(":")
    prepare: Prepare = getattr(importlib.import_module(module), name)
    work = prepare(request["case"])
    before = resident_gb("VmRSS")
    if side.warm_up:
        work()
    seconds: list[float] = []
    made: Arrays | Callable[[], Arrays] = {}
    for _ in range(side.repeats):
        made = {}
        start = time.perf_counter()
        made = work()
        seconds.append(time.perf_counter() - start)
    result = Measurement(statistics.median(seconds), resident_gb("VmHWM"), before, side.repeats)
    np.savez(request["out"], **(made() if callable(made) else made))
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    _serve()
