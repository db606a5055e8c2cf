"""Which finished evaluations are read, and what is said where there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gclbench.errors import DataMissingError, UsageError
from gclbench.runtime.invariance import measured_invariance
from gclbench.runtime.session import Session

EDGES = {"viewpoint": 3, "light": 2, "pose": 2, "clothing": 2}


@pytest.fixture
def evaluated() -> Callable[..., None]:
    """Leave the finished evaluation of a cell: every AP of every bin is the share given."""

    def write(session: Session, row: str, share: float | None, task: str = "market1501") -> None:
        cell = next(c for c in session.cells if (c.row.key, c.task.name) == (row, task))
        node = session.plan.node(session.plan.evaluate_key(cell))
        with session.artifacts.workspace(node) as workspace:
            arrays: dict[str, Any] = {}
            for name, edges in EDGES.items():
                arrays[f"{name}_ap"] = np.full((3, edges + 1), share, dtype=float)
                arrays[f"{name}_edges"] = np.arange(1.0, edges + 1)
            if share is not None:
                np.savez(workspace.folder / "invariance.npz", **arrays)
            workspace.commit(node.record(metrics={"mAP": 1.0}))

    return write


def test_finished_cells_are_shown_in_percent_and_others_left_out(
    session: Any, evaluated: Callable[..., None]
) -> None:
    opened = session(rows=("multi", "baseline", "rotation"))
    evaluated(opened, "multi", 0.25)
    evaluated(opened, "baseline", 0.5)
    (found,) = measured_invariance(opened, opened.studies[0])
    assert found.task.name == "market1501"
    assert found.data == "synthetic_market1501"
    rows = {line.key: line.bins[0].mean for line in found.panels[0].lines if line.bins[0]}
    assert rows == {"baseline": 50.0, "multi": 25.0}  # in the order of the study
    assert list(rows) == ["baseline", "multi"]
    assert found.reference.key == "baseline"
    assert found.panels[0].edges == (1.0, 2.0, 3.0)


def test_nothing_finished_names_the_command(session: Any) -> None:
    opened = session(rows=("multi",), seeds=(0, 2), overrides={"joint.epochs": 3})
    with pytest.raises(DataMissingError) as error:
        measured_invariance(opened, opened.studies[0])
    command = "gclbench run ablation=table6 rows=multi seeds=0,2 profile=smoke joint.epochs=3"
    assert error.value.remedy.endswith(command)


def test_an_evaluation_without_factors_says_why(
    session: Any, evaluated: Callable[..., None]
) -> None:
    opened = session(rows=("baseline",), tasks=("market1501",))
    evaluated(opened, "baseline", None)
    with pytest.raises(DataMissingError, match=r"leave evaluate\.split out"):
        measured_invariance(opened, opened.studies[0])


def test_real_data_is_refused(session: Any) -> None:
    opened = session(rows=("baseline",), tasks=("market1501",), seeds=(0,))
    (cell,) = opened.cells
    data = cell.settings.data.model_copy(update={"root": "reid"})
    opened.cells = (replace(cell, settings=cell.settings.model_copy(update={"data": data})),)
    with pytest.raises(UsageError, match="built-in world only"):
        measured_invariance(opened, opened.studies[0])
