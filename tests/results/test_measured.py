"""What is finished of an open study: scores and records."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gclbench.claims import check
from gclbench.results.measured import Measured
from gclbench.results.tables import figure_of, tables_of
from gclbench.schema import Criterion, Stage
from gclbench.schema.record import Idle
from gclbench.study.opened import OpenStudy

Open = Callable[..., OpenStudy]
SCORES = {"mAP": 40.0, "R1": 60.0, "R5": 80.0, "R10": 90.0}


def test_scores_are_those_of_finished_cells_only(open_one: Open, commit: Any) -> None:
    opened = open_one(rows=("baseline", "none"), seeds=(0, 1))
    cell = opened.cells[0]
    node = opened.plan.node(opened.plan.evaluate_key(cell))
    commit(opened, node, SCORES, ap=[0.25, np.nan, 0.55])
    scores = Measured(opened).scores(opened.studies[0])
    assert list(scores) == [("baseline", "market1501")]
    score = scores["baseline", "market1501"][0]
    assert (score.metrics, score.node) == (SCORES, node.key)
    assert score.ap == pytest.approx([25.0, np.nan, 55.0], nan_ok=True)
    assert opened.summary()["cached"]["evaluate"] == 1


def test_quality_of_labels_is_in_percent_and_only_where_a_stage_ends_with_labels(
    open_one: Open, commit: Any
) -> None:
    opened = open_one(rows=("baseline", "none"), tasks=("market1501",))
    labelled = {"clusters": 12.0, "nmi": 0.75}
    for cell, more in zip(opened.cells, ({}, labelled), strict=True):
        node = opened.plan.node(opened.plan.evaluate_key(cell))
        commit(opened, node, {**SCORES, **more}, ap=[0.4])
    found = Measured(opened).scores(opened.studies[0])
    assert found["baseline", "market1501"][0].metrics == SCORES
    assert found["none", "market1501"][0].metrics == {**SCORES, "N": 12.0, "NMI": 75.0}


def test_a_score_knows_the_records_of_its_stages_that_can_be_read(
    small: OpenStudy, commit: Any
) -> None:
    nodes = [small.plan.node(key) for key in small.plan.chain(small.cells[0])]
    for node in nodes[1:]:
        commit(small, node, SCORES, ap=[0.4])
    (small.artifacts.path(nodes[1]) / "manifest.json").write_text("{")
    (by_seed,) = Measured(small).scores(small.studies[0]).values()
    assert [record.key for record in by_seed[0].records] == [node.key for node in nodes[2:]]


IDLE = Idle(stage="joint", epochs=2, without_step=2, why="none of the 96 samples was clustered")


def finish(opened: OpenStudy, shifts: dict[tuple[str, int], float], idle: Any) -> None:
    """Leave evaluations of rows and seeds; those that `idle` names took no step in stage 3."""
    for cell in opened.cells:
        key = cell.row.key, cell.seed
        if key not in shifts:
            continue
        node = opened.plan.node(opened.plan.evaluate_key(cell))
        with opened.artifacts.workspace(node) as workspace:
            ap = np.array([0.2, 0.6]) + shifts[key] / 100
            np.savez(workspace.folder / "per_query.npz", ap=ap)
            metrics = {**SCORES, "mAP": 40.0 + shifts[key]}
            found = (idle[key],) if key in idle else ()
            workspace.commit(node.record(metrics=metrics, idle=found))


def test_a_cell_of_which_a_stage_took_no_step_is_part_of_nothing(open_one: Open) -> None:
    opened = open_one(rows=("baseline", "none"), tasks=("market1501",), seeds=(0, 1))
    (study,) = opened.studies
    cells = {("baseline", 0): 0.0, ("baseline", 1): 1.0, ("none", 0): 9.0, ("none", 1): 2.0}
    finish(opened, cells, {("none", 0): IDLE})
    found = Measured(opened)
    assert list(found.scores(study)["none", "market1501"]) == [1]
    assert list(found.untrained(study)["none", "market1501"]) == [0]
    measured = tables_of(found, study)[0]
    line = next(line for line in measured.panels[0].lines if line.key == "none")
    assert line.entries[0].cell is not None
    assert line.entries[0].cell.seeds == (1,)
    assert any(note.startswith("Left out, other seeds") for note in measured.footnotes)
    criterion = Criterion(name="n", row="none", minus="baseline", of="mean", at_least=0)
    (verdict,) = check(criterion, found.scores(study))
    assert verdict.value == pytest.approx(1.0)  # seed 1 alone: 42 - 41, not with seed 0's 49 - 40


def test_where_nothing_else_is_there_the_number_is_marked_and_no_verdict_rests_on_it(
    open_one: Open,
) -> None:
    opened = open_one(rows=("baseline", "none"), tasks=("market1501",), seeds=(0,))
    (study,) = opened.studies
    finish(opened, {("baseline", 0): 0.0, ("none", 0): 9.0}, {("none", 0): IDLE})
    found = Measured(opened)
    measured = tables_of(found, study)[0]
    entries = {line.key: line.entries[0] for line in measured.panels[0].lines}
    assert entries["none"].text == "49.0 †"
    assert entries["none"].cell is None
    assert any("† Part of nothing" in note and IDLE.why in note for note in measured.footnotes)
    criterion = Criterion(name="n", row="none", minus="baseline", of="mean", at_least=0)
    (verdict,) = check(criterion, found.scores(study))
    assert verdict.holds is None
    assert verdict.detail == "none is not measured"


def test_epochs_that_took_no_step_are_told_and_the_number_stays(open_one: Open) -> None:
    opened = open_one(rows=("none",), tasks=("market1501",), seeds=(0,))
    (study,) = opened.studies
    partly = IDLE.model_copy(update={"without_step": 1})
    finish(opened, {("none", 0): 0.0}, {("none", 0): partly})
    measured = tables_of(Measured(opened), study)[0]
    assert measured.panels[0].lines[0].entries[0].text == "40.0"
    assert any("1 of 2 epochs of stage 3 took no step" in note for note in measured.footnotes)


def test_a_curve_of_epochs_without_a_step_is_not_drawn(open_one: Open) -> None:
    opened = open_one("fig8", tasks=("market1501",), seeds=(0,))
    (study,) = opened.studies
    lost, *_ = cells = opened.cells_of(study.study)
    for cell in cells:
        keys = map(opened.plan.node, opened.plan.chain(cell))
        for node in (each for each in keys if each.stage is Stage.JOINT):
            with opened.artifacts.workspace(node) as workspace:
                epochs = [{"epoch": e, "nmi": 0.5, "clusters": 9.0} for e in (1, 2)]
                (workspace.folder / "epochs.json").write_text(json.dumps(epochs))
                workspace.commit(node.record(idle=(IDLE,) if cell == lost else ()))
    drawn = Measured(opened).curves(study)
    assert len(cells) > 1
    assert set(drawn) == {(cell.row.key, cell.task.name) for cell in cells if cell != lost}
    assert figure_of(Measured(opened), study) is not None
