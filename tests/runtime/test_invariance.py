"""Which finished evaluations are read, and what is said where there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gclbench.errors import DamagedResultError, DataMissingError, UsageError
from gclbench.runtime.invariance import measured_invariance
from gclbench.study.opened import OpenStudy

EDGES = {"viewpoint": 3, "light": 2, "pose": 2, "clothing": 2}


@pytest.fixture
def evaluated() -> Callable[..., None]:
    """Leave the finished evaluation of a cell: every AP of every bin is the share given."""

    def write(
        opened: OpenStudy,
        row: str,
        share: float | None,
        task: str = "market1501",
        seed: int = 0,
        ap: float = 0.01,
    ) -> None:
        cell = opened.cells[
            [(c.row.key, c.task.name, c.seed) for c in opened.cells].index((row, task, seed))
        ]
        node = opened.plan.node(opened.plan.evaluate_key(cell))
        with opened.artifacts.workspace(node) as workspace:
            arrays: dict[str, Any] = {}
            for name, edges in EDGES.items():
                arrays[f"{name}_ap"] = np.full((3, edges + 1), share, dtype=float)
                arrays[f"{name}_edges"] = np.arange(1.0, edges + 1)
            if share is not None:
                np.savez(workspace.folder / "invariance.npz", **arrays)
            np.savez(workspace.folder / "per_query.npz", ap=np.full(3, ap))
            workspace.commit(node.record(metrics=dict.fromkeys(("mAP", "R1", "R5", "R10"), 1.0)))

    return write


def test_finished_cells_are_shown_in_percent_and_others_left_out(
    open_one: Any, evaluated: Callable[..., None]
) -> None:
    opened = open_one(rows=("multi", "baseline", "rotation"))
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


def test_nothing_finished_names_the_command(open_one: Any) -> None:
    opened = open_one(rows=("multi",), seeds=(0, 2), overrides={"joint.epochs": 3})
    with pytest.raises(DataMissingError) as error:
        measured_invariance(opened, opened.studies[0])
    command = "gclbench run ablation=table6 rows=multi seeds=0,2 profile=smoke joint.epochs=3"
    assert error.value.remedy.endswith(command)


def test_an_evaluation_without_factors_says_why(
    open_one: Any, evaluated: Callable[..., None]
) -> None:
    opened = open_one(rows=("baseline",), tasks=("market1501",))
    evaluated(opened, "baseline", None)
    with pytest.raises(DataMissingError, match=r"leave evaluate\.split out"):
        measured_invariance(opened, opened.studies[0])


def test_an_evaluation_whose_numbers_cannot_be_has_no_part_in_it(
    open_one: Any, evaluated: Callable[..., None]
) -> None:
    opened = open_one(rows=("baseline", "multi", "rotation"), tasks=("market1501",), seeds=(0, 1))
    for row in ("baseline", "multi"):
        evaluated(opened, row, 0.5, seed=0)
    evaluated(opened, "baseline", 0.25, seed=1, ap=0.02)  # not what its manifest says
    evaluated(opened, "rotation", 1.5, seed=0)  # in the bins only
    (found,) = measured_invariance(opened, opened.studies[0])
    assert [(each.row, each.seed) for each in found.damaged] == [("baseline", 1), ("rotation", 0)]
    assert found.seeds == (0,)
    for panel in found.panels:
        baseline, multi, rotation = panel.lines
        assert [(line.lost, len(line.damaged)) for line in panel.lines] == [
            *((False, 1), (False, 0), (True, 1)),
        ]
        assert {cell.mean for cell in (*baseline.bins, *multi.bins) if cell} == {50.0}
        assert set(rotation.bins) == {rotation.drop, rotation.change} == {None}


def test_a_damaged_baseline_is_no_reference(open_one: Any, evaluated: Callable[..., None]) -> None:
    opened = open_one(rows=("baseline", "multi"), tasks=("market1501", "duke2market"))
    evaluated(opened, "baseline", 0.5, ap=0.02)
    evaluated(opened, "multi", 0.5)
    evaluated(opened, "multi", 0.5, task="duke2market", ap=2.0)
    (found,) = measured_invariance(opened, opened.studies[0])
    assert found.reference.key == "multi"
    assert [line.key for line in found.panels[0].lines] == ["baseline", "multi"]
    assert [each.task for each in found.damaged] == ["market1501", "duke2market"]


def test_nothing_sound_is_an_error_with_the_nodes_and_what_to_do(
    open_one: Any, evaluated: Callable[..., None]
) -> None:
    opened = open_one(rows=("baseline",), tasks=("market1501",))
    evaluated(opened, "baseline", 0.5, ap=2.0)
    node = opened.plan.evaluate_key(opened.cells[0])
    with pytest.raises(DamagedResultError, match=node[:12]) as caught:
        measured_invariance(opened, opened.studies[0])
    assert "delete HOME/artifacts/evaluate/KEY" in caught.value.remedy


def test_real_data_is_refused(open_one: Any) -> None:
    opened = open_one(rows=("baseline",), tasks=("market1501",), seeds=(0,))
    (cell,) = opened.cells
    data = cell.settings.data.model_copy(update={"root": "reid"})
    opened.cells = (replace(cell, settings=cell.settings.model_copy(update={"data": data})),)
    with pytest.raises(UsageError, match="built-in world only"):
        measured_invariance(opened, opened.studies[0])
