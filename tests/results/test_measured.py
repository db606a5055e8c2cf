"""What is finished of an open study: scores and records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gclbench.results.measured import Measured
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
