"""What a run does with artifacts that are not what was committed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gclbench.errors import DamagedResultError
from gclbench.executors.events import NodeNotice, Outcome
from gclbench.plan import Node
from gclbench.results.measured import Measured
from gclbench.running.run import run_config, run_study
from gclbench.running.sound import make_sound
from gclbench.running.worker import run_node
from gclbench.schema import Stage
from gclbench.study.opened import OpenStudy

Put = Callable[[str, Any], None]
SCORES = {"mAP": 40.0, "R1": 60.0, "R5": 80.0, "R10": 90.0}


@pytest.fixture
def made(open_one: Any, stage: Put, monkeypatch: pytest.MonkeyPatch) -> OpenStudy:
    """Two rows that share their stages but the last ones, all of them made by stages of ours."""
    monkeypatch.setattr("gclbench.running.worker.load_datasets", lambda config, node: {})

    def trained(context: Any) -> dict[str, float]:
        (context.folder / "encoder.pt").write_bytes(b"weights of " + context.stage.encode() * 9)
        if context.stage == "joint":
            (context.folder / "epochs.json").write_text(json.dumps([{"epoch": 1, "loss": 1.0}]))
        return {"loss": 1.0}

    def evaluated(context: Any) -> dict[str, float]:
        np.savez(context.folder / "per_query.npz", ap=[0.4])
        return SCORES

    for each in Stage:
        stage(each.value, trained if each is not Stage.EVALUATE else evaluated)
    opened = open_one(
        rows=("baseline", "multi"), tasks=("market1501",), executor="inline",
        overrides={"pretrain.kind": "random"},
    )  # fmt: skip
    assert run(opened)[0].count(Outcome.COMPLETED) == len(opened.plan.nodes)
    return opened


def run(opened: OpenStudy) -> tuple[Any, list[str]]:
    heard: list[Any] = []
    outcome = run_study(opened, heard.append)
    assert outcome.errors == {}
    return outcome, [event.text for event in heard if isinstance(event, NodeNotice)]


def only(opened: OpenStudy, stage: Stage) -> Node:
    (node,) = [node for node in opened.plan.nodes if node.stage is stage]
    return node


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def evaluation(opened: OpenStudy, row: str) -> Node:
    (cell,) = [cell for cell in opened.cells if cell.row.key == row]
    return opened.plan.node(opened.plan.evaluate_key(cell))


def test_what_is_sound_is_reused_without_a_word(made: OpenStudy) -> None:
    outcome, said = run(made)
    assert (outcome.count(Outcome.REUSED), said) == (len(outcome.outcomes), [])


@pytest.mark.parametrize("name", ["per_query.npz", "manifest.json"])
def test_a_number_that_was_changed_is_measured_anew(made: OpenStudy, name: str) -> None:
    node = evaluation(made, "baseline")
    flip(made.artifacts.path(node) / name)
    (study,) = made.studies
    assert [each.node for each in Measured(made).damaged(study)] == [node.key]
    outcome, (said,) = run(made)
    assert outcome.outcomes[node.key] is Outcome.COMPLETED
    assert outcome.count(Outcome.COMPLETED) == 1
    aside = made.artifacts.path(node).with_name(f"{node.key}.damaged-1")
    assert said.startswith(name)
    assert said.endswith(f"set aside as {aside}, and made anew.")
    assert aside.is_dir()
    assert Measured(made).damaged(study) == []


def test_a_metric_edited_by_hand_is_never_a_result(made: OpenStudy) -> None:
    node = evaluation(made, "multi")
    path = made.artifacts.path(node) / "manifest.json"
    content = json.loads(path.read_bytes())
    content["metrics"]["R1"] = 79.0  # could be
    path.write_text(json.dumps(content))
    (study,) = made.studies
    assert list(Measured(made).scores(study)) == [("baseline", "market1501")]
    run(made)
    (score,) = Measured(made).scores(study)["multi", "market1501"].values()
    assert score.metrics == SCORES


def test_damaged_parents_of_what_is_missing_are_made_anew_first(made: OpenStudy) -> None:
    """Of three bad stages in a row the third is seen only when the second is gone."""
    chain = [made.plan.node(key) for key in made.plan.chain(made.cells[0])]
    for node in chain[:-1]:
        flip(made.artifacts.path(node) / "encoder.pt")
    (made.artifacts.path(chain[-1]) / "manifest.json").unlink()
    outcome, said = run(made)
    assert len(said) == len(chain) - 1
    assert [outcome.outcomes[node.key] for node in chain] == [Outcome.COMPLETED] * len(chain)
    assert [made.artifacts.problem(node) for node in made.plan.nodes] == [""] * len(
        made.plan.nodes
    )


def test_weights_that_nothing_missing_rests_on_are_not_looked_at(made: OpenStudy) -> None:
    warmup = made.plan.node(made.plan.chain(made.cells[0])[1])
    flip(made.artifacts.path(warmup) / "encoder.pt")
    _, said = run(made)
    assert said == []
    assert made.artifacts.damaged(warmup) == ["encoder.pt"]


def test_a_curve_that_was_changed_is_drawn_anew(made: OpenStudy) -> None:
    joint = only(made, Stage.JOINT)
    flip(made.artifacts.path(joint) / "epochs.json")
    outcome, (said,) = run(made)
    assert said.startswith("epochs.json has other bytes than were written")
    assert outcome.outcomes[joint.key] is Outcome.COMPLETED
    (study,) = made.studies
    assert Measured(made).damaged_curves(study) == []
    assert len(Measured(made).curves(study)) == 1


def test_what_was_set_aside_by_a_run_that_was_killed_is_still_to_be_made(made: OpenStudy) -> None:
    joint = only(made, Stage.JOINT)
    flip(made.artifacts.path(joint) / "epochs.json")
    make_sound(made, lambda node, text: None)
    assert made.summary()["to_run"]["joint"] == 1
    outcome, said = run(made)
    assert (outcome.outcomes[joint.key], said) == (Outcome.COMPLETED, [])


def test_needs_of_what_is_made_anew_are_asked_for_before_anything_runs(
    made: OpenStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(type(made), "check_needs", lambda self: asked.append(len(self._to_run())))
    make_sound(made, lambda node, text: None)
    assert asked == []
    flip(made.artifacts.path(evaluation(made, "multi")) / "per_query.npz")
    make_sound(made, lambda node, text: None)
    assert asked == [1]


def test_a_parent_damaged_while_a_run_goes_on_fails_its_child_and_no_number_rests_on_it(
    made: OpenStudy,
) -> None:
    node = evaluation(made, "baseline")
    ((stage, key),) = node.parents.items()
    (made.artifacts.path(node) / "manifest.json").unlink()
    parent = made.artifacts.folder(stage, key)
    flip(parent / "encoder.pt")
    with pytest.raises(DamagedResultError, match=r"encoder\.pt has other bytes.*made anew"):
        run_node(run_config(made), node, lambda event: None)
    assert not parent.exists()
    assert parent.with_name(f"{key}.damaged-1").is_dir()
    outcome, _ = run(made)
    assert outcome.outcomes[key] is Outcome.COMPLETED
    assert made.artifacts.has(node)


def test_an_artifact_moved_into_another_ones_place_is_no_parent(made: OpenStudy) -> None:
    first, second = (evaluation(made, row) for row in ("baseline", "multi"))
    os.rename(made.artifacts.path(first), made.artifacts.home / "away")
    os.rename(made.artifacts.path(second), made.artifacts.path(first))
    _, (said,) = run(made)
    assert f"speaks of another artifact (evaluate {second.key[:12]})" in said
    (study,) = made.studies
    assert len(Measured(made).scores(study)) == 2
