"""Metrics that are infinite or no numbers: kept as such, also on the way to another store."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gclbench.errors import TrainingError
from gclbench.schema import NodeRecord
from gclbench.tracking import Point, Reader, RunStore
from gclbench.tracking.experiment import LogMetric, tracked_run
from gclbench.tracking.observer import RunObserver
from gclbench.tracking.records import add_records, read_records, write_records

CONFIG = {"key": "k", "stage": "joint", "label": "l", "seed": 1}


def test_they_are_read_back_and_carried_even_those_logged_last(tmp_path: Path) -> None:
    def work(log: LogMetric) -> NodeRecord:
        for step, value in enumerate((1.5, math.inf, -math.inf, math.nan, 1e-300), 1):
            log("loss", value, step)
        raise TrainingError("loss is not finite.")

    here = RunStore(f"sqlite:///{tmp_path}/here.db")
    with pytest.raises(TrainingError):
        tracked_run(CONFIG, "run-1", [RunObserver(here)], work)
    values = [1.5, math.inf, -math.inf, None, 1e-300]
    points = [Point(step, value) for step, value in enumerate(values, 1)]
    assert Reader(here).metric("run-1", "loss") == points
    there = RunStore(f"sqlite:///{tmp_path}/there.db")
    assert add_records(there, read_records(write_records(here, ["k"], ()))) == 1
    assert Reader(there).metric("run-1", "loss") == points
