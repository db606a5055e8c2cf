"""A study is run: failures, what is reused, what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gclbench.errors import TrainingError, UnknownNameError
from gclbench.executors.events import NodeFailed, Outcome
from gclbench.running.run import run_study
from gclbench.study.opened import OpenStudy
from gclbench.tracking.store import RunStore

Open = Callable[..., OpenStudy]
SCORES = {"mAP": 40.0, "R1": 60.0, "R5": 80.0, "R10": 90.0}


def quiet(event: Any) -> None:
    return None


def test_finished_scores_run_nothing_even_without_their_parents(
    small: OpenStudy, commit: Any
) -> None:
    node = small.plan.node(small.plan.evaluate_key(small.cells[0]))
    commit(small, node, SCORES)
    outcome = run_study(small, quiet)
    assert dict(outcome.outcomes) == {node.key: Outcome.REUSED}
    assert outcome.count(Outcome.REUSED) == 1


def test_a_failure_is_reported_by_key_and_stops_only_what_stands_behind_it(
    open_one: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_one(rows=("baseline", "multi", "none"), tasks=("market1501",), executor="inline")

    def run(config: Any, node: Any, sink: Any) -> Any:
        if node.label.startswith("joint multi"):
            raise TrainingError("l_vi is not finite.", "Lower joint.lr.")
        with opened.artifacts.workspace(node) as workspace:
            return workspace.commit(node.record())

    monkeypatch.setattr("gclbench.running.run.run_node", run)
    events: list[Any] = []
    outcome = run_study(opened, events.append)
    ends = {opened.plan.node(key).label: end for key, end in outcome.outcomes.items()}
    assert {label for label, end in ends.items() if end is not Outcome.COMPLETED} == {
        "joint multi market1501 seed 0",
        "evaluate multi market1501 seed 0",
    }
    assert list(outcome.errors.values()) == ["l_vi is not finite. Lower joint.lr."]
    assert [event.kind for event in events if isinstance(event, NodeFailed)] == ["TrainingError"]


def test_what_was_asked_for_is_remembered(small: OpenStudy, commit: Any) -> None:
    node = small.plan.node(small.plan.evaluate_key(small.cells[0]))
    commit(small, node, SCORES)
    run_study(small, quiet)
    store = RunStore(small.store_url)
    (asked,) = store.studies()
    assert (asked.study, asked.profile) == ("table6", "smoke")
    assert asked.overrides == {"pretrain.kind": "random"}
    (cell,) = store.requests("table6", "smoke", asked.overrides)
    assert (cell.row, cell.task, cell.seed) == ("baseline", "market1501", 0)
    assert cell.node_key == node.key


def test_an_unknown_executor_gets_the_list(open_one: Open) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown executor 'slrm'.*Allowed: inline, local"):
        run_study(open_one(rows=("baseline",), executor="slrm"), quiet)
