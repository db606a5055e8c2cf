"""A trial through the ordinary plan, with made-up stages: settings, scores, pruning, reuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.errors import DamagedResultError, TrainingError
from gclbench.executors.events import NodeStopped
from gclbench.registry import REGISTRY, Entry
from gclbench.running import worker
from gclbench.schema import RunStatus
from gclbench.search.trial import Measured, run_trial
from gclbench.search.tuning import Tuning, open_tuning
from gclbench.study.catalog import load_catalog
from gclbench.study.question import Question
from gclbench.testing.artifacts import rewrite
from gclbench.tracking import Reader, RunStore

EPS = "joint.pseudo_labels.eps"


class Stages:
    """Stages that take no time; `joint` reports an mAP for every epoch, as the real one does."""

    def __init__(self) -> None:
        self.epochs, self.joint_runs, self.started_after = 4, 0, -1
        self.splits: list[str] = []

    def joint(self, context: Any) -> dict[str, float]:
        self.joint_runs += 1
        found = context.checkpoints.latest()
        self.started_after = found[0] if found else 0
        for epoch in range(self.started_after, self.epochs):
            context.progress(epoch, self.epochs, 1, 1, {"loss": 1.0})
            context.log("clusters", 7.0 + epoch, epoch)
            context.log("mAP", 10.0 + epoch, epoch + 1)
            context.checkpoints.save(epoch + 1, {"w": torch.zeros(1)})
        return {}

    def evaluate(self, context: Any) -> dict[str, float]:
        split = context.settings.evaluate.split
        self.splits.append(split)
        score = 30.0 if split == "test" else 40.0
        np.savez(context.folder / "per_query.npz", ap=np.full(1, score / 100))
        return {"mAP": score, "R1": score + 10, "R5": 90.0, "R10": 95.0}


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Stages:
    load_catalog()
    made, entries = Stages(), REGISTRY._entries["stages"]
    for name in ("pretrain", "source", "warmup", "gan", "joint", "evaluate"):
        function = getattr(made, name, lambda context: {})
        monkeypatch.setitem(entries, name, Entry("stages", name, 1, function))
    monkeypatch.setattr(worker, "load_datasets", lambda config, node: {})
    return made


@pytest.fixture
def tuning(tmp_path: Path) -> Callable[..., Tuning]:
    return lambda study="dbscan_eps": open_tuning(Question((study,), tmp_path, profile="smoke"))


def never(epoch: int, score: float) -> bool:
    return False


def run(tuning: Tuning, values: Mapping[str, Any], report: Any = never) -> Measured:
    return run_trial(tuning, values, report)


def test_the_objective_is_the_held_out_mAP_and_the_test_set_is_only_reported(
    stages: Stages, tuning: Any
) -> None:
    measured = run(tuning(), {EPS: 0.45})
    assert stages.splits == ["validation", "test"]
    assert measured.values["mAP"] == 40.0
    assert (measured.notes["test_mAP"], measured.notes["test_R1"]) == (30.0, 40.0)
    assert stages.joint_runs == 1
    assert measured.notes["clusters"] == 10.0
    assert measured.notes["seconds"] == measured.values["seconds"] > 0
    assert not measured.notes["reused"]


def test_the_same_values_again_train_nothing(stages: Stages, tuning: Any) -> None:
    first, again = run(tuning(), {EPS: 0.45}), run(tuning(), {EPS: 0.45})
    assert again.notes["reused"]
    assert {**again.notes, "reused": False} == first.notes
    assert again.values == first.values
    assert stages.joint_runs == 1


def test_other_values_share_what_comes_before_them(stages: Stages, tuning: Any) -> None:
    made = tuning()
    chains = [made.open({EPS: eps}).plan for eps in (0.4, 0.6)]
    keys = [plan.chain(plan.cells[0]) for plan in chains]
    assert keys[0][:-2] == keys[1][:-2]
    assert set(keys[0][-2:]).isdisjoint(keys[1][-2:])


def test_every_epoch_is_heard_and_a_pruned_trial_can_be_taken_up_again(
    stages: Stages, tuning: Any
) -> None:
    heard: list[tuple[int, float]] = []

    def stop_after_two(epoch: int, score: float) -> bool:
        heard.append((epoch, score))
        return epoch == 2

    made = tuning("temperature")
    with pytest.raises(NodeStopped):
        run(made, {"joint.temperature": 0.05}, stop_after_two)
    assert heard == [(1, 10.0), (2, 11.0)]
    reader = Reader(RunStore(made.store))
    (joint,) = [tracked for tracked in reader.runs() if tracked.stage == "joint"]
    assert joint.status is RunStatus.INTERRUPTED
    run(made, {"joint.temperature": 0.05})
    assert stages.started_after == 2


def test_a_training_that_fails_says_why(
    stages: Stages, tuning: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(context: Any) -> dict[str, float]:
        raise TrainingError("l_vi is not finite.", "Lower joint.lr.")

    entries = REGISTRY._entries["stages"]
    monkeypatch.setitem(entries, "joint", Entry("stages", "joint", 1, broken))
    with pytest.raises(TrainingError, match="not finite"):
        run(tuning(), {EPS: 0.45})


def test_a_trial_that_was_killed_counts_the_time_before(
    stages: Stages, tuning: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tuning()
    store = RunStore(made.store)
    plain = run(made, {EPS: 0.45})
    store.add_run(
        {
            **dict.fromkeys(("config_json", "host_json", "versions_json", "git_json"), "{}"),
            "id": "killed",
            "node_key": plain.notes["node"],
            "stage": "joint",
            "label": "",
            "seed": 0,
            "status": RunStatus.INTERRUPTED,
            "started": "2026-01-01T00:00:00+00:00",
            "heartbeat": "2026-01-01T00:01:40+00:00",
        }
    )
    again = run(made, {EPS: 0.45})
    assert again.values["seconds"] == pytest.approx(plain.values["seconds"] + 100.0)


def test_a_stored_evaluation_whose_numbers_cannot_be_is_no_objective(
    stages: Stages, tuning: Any
) -> None:
    made = tuning()
    run(made, {EPS: 0.45})
    opened = made.open({EPS: 0.45})
    node = opened.plan.node(opened.plan.evaluate_key(opened.cells[0]))
    np.savez(opened.artifacts.path(node) / "per_query.npz", ap=np.full(1, 0.9))
    rewrite(opened.artifacts.path(node))
    with pytest.raises(DamagedResultError, match=r"the mean AP of the queries is 90\.0"):
        run(made, {EPS: 0.45})


def test_a_damaged_evaluation_is_set_aside_and_made_anew(
    stages: Stages, tuning: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = tuning()
    first = run(made, {EPS: 0.45})
    opened = made.open({EPS: 0.45})
    node = opened.plan.node(opened.plan.evaluate_key(opened.cells[0]))
    np.savez(opened.artifacts.path(node) / "per_query.npz", ap=np.full(1, 0.9))
    assert run(made, {EPS: 0.45}).values["mAP"] == first.values["mAP"]
    assert opened.artifacts.path(node).with_name(f"{node.key}.damaged-1").is_dir()
    assert "per_query.npz has other bytes than were written" in caplog.text
