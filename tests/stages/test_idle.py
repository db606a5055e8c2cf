"""Epochs that take no step: what is counted and said, and the reason that each method gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.pseudolabels.base import Labelling
from gclbench.schema.record import IDLE_FILE, Idle
from gclbench.stages.gan_warmup import gan_warmup
from gclbench.stages.idle import steps_of, unclustered
from gclbench.stages.joint import JointTraining, joint
from gclbench.stages.loop import train
from gclbench.stages.pretrain import pretrain

Tiny = Callable[..., Any]


class Sometimes:
    """Takes `steps[epoch]` steps; the reason of an empty epoch is `why`."""

    def __init__(self, steps: list[int], why: str = "because") -> None:
        self.steps, self.epochs, self.why = steps, len(steps), why

    def begin_epoch(self, epoch: int) -> list[int]:
        return list(range(self.steps[epoch]))

    def why_idle(self) -> str:
        return self.why

    def step(self, batch: int) -> dict[str, Any]:
        return {"loss": float(batch)}

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        assert state == {}


def heard(bench: Any, training: Any, stage: str = "joint", folder: str = "own") -> Any:
    """Train; return what was said, the steps of the epochs, and what the artifact says."""
    notices: list[str] = []
    context = replace(bench.context(stage, folder=folder), notice=notices.append)
    train(training, context)
    file = context.folder / IDLE_FILE
    kept = Idle.model_validate_json(file.read_text()) if file.is_file() else None
    epochs = json.loads((context.folder / "epochs.json").read_text())
    return notices, [epoch["steps"] for epoch in epochs], kept


def test_a_training_that_always_steps_says_and_keeps_nothing(bench: Any) -> None:
    assert heard(bench, Sometimes([3, 1])) == ([], [3, 1], None)


def test_some_epochs_without_a_step_are_counted(bench: Any) -> None:
    notices, steps, kept = heard(bench, Sometimes([0, 2, 0, 0]))
    assert steps == [0, 2, 0, 0]
    assert kept == Idle(stage="joint", epochs=4, without_step=3, why="because")
    assert not kept.untrained
    assert notices == ["epoch 1 takes no step: because.", "3 of 4 epochs took no step: because."]


def test_a_stage_without_any_step_is_untrained(bench: Any) -> None:
    notices, _, kept = heard(bench, Sometimes([0, 0]), stage="gan")
    assert kept == Idle(stage="gan", epochs=2, without_step=2, why="because")
    assert kept.untrained
    assert notices[-1] == "took no step at all: because. It leaves what it was given."


def test_no_epoch_at_all_is_not_idle(bench: Any) -> None:
    assert heard(bench, Sometimes([])) == ([], [], None)


def test_a_resumed_run_counts_the_idle_epochs_before_it_too(bench: Any) -> None:
    killed = Sometimes([0, 1, 1])
    killed.step = None  # type: ignore[assignment, method-assign]
    with pytest.raises(TypeError):
        heard(bench, killed, folder="killed")
    notices, steps, kept = heard(bench, Sometimes([0, 1, 1]), folder="killed")
    assert steps == [0, 1, 1]
    assert kept == Idle(stage="joint", epochs=3, without_step=1, why="because")
    assert notices == ["goes on after epoch 1 of 3.", "1 of 3 epochs took no step: because."]


def test_a_training_may_count_fewer_of_its_batches(bench: Any) -> None:
    training = Sometimes([1, 2])
    training.own_steps = lambda batches: len(batches) - 1  # type: ignore[attr-defined]
    _, steps, kept = heard(bench, training)
    assert steps == [0, 1]
    assert kept.without_step == 1


def test_epochs_written_before_there_was_a_count_have_stepped_where_they_have_a_loss() -> None:
    assert steps_of({"loss": 0.1}) > 0
    assert steps_of({"clusters": 0.0}) == 0
    assert steps_of({"steps": 0, "loss": 1.0}) == 0


def test_what_is_clustered_is_counted_in_samples_and_clusters() -> None:
    labels = torch.tensor([0, 0, -1, 1, 1, 1, -1])
    assert unclustered(labels, "9") == "5 of 7 samples lie in 2 clusters, a batch wants 9"
    assert unclustered(torch.full((7,), -1), "9") == "none of the 7 samples was clustered"


@pytest.mark.parametrize(
    "settings, why",
    [
        ({"batch_size": 1000}, "joint.batch_size=1000 is more than the 26 training samples"),
        ({"pseudo_labels.min_samples": 99}, "none of the 26 samples was clustered"),
        (
            {"batch_size": 24, "sampler": {"name": "identities", "images": 2}},
            "a batch wants more, by joint.sampler=identities(images=2)",
        ),
    ],
)
def test_stage_3_names_what_is_in_the_way(bench: Any, tiny: Tiny, settings: Any, why: str) -> None:
    plain = {"augmentations": ["none"], "losses": ["l_vi"], "epochs": 1}
    context = bench.context(
        "joint", tiny(joint={**plain, **settings}), parents=bench.parents("warmup")
    )
    joint(context)
    kept = Idle.model_validate_json((context.folder / IDLE_FILE).read_text())
    assert kept.why.endswith(why)
    assert kept.untrained
    before = torch.load(bench.parent("warmup") / "encoder.pt", weights_only=True)
    after = torch.load(context.folder / "encoder.pt", weights_only=True)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_stage_3_counts_what_is_clustered(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.array([0] * 5 + [1] * 4 + [2] * 3 + [-1] * 14)
    monkeypatch.setattr(JointTraining, "_label", lambda self, epoch: Labelling(labels))
    plain = {"augmentations": ["none"], "losses": ["l_vi"], "epochs": 1, "batch_size": 13}
    context = bench.context("joint", tiny(joint=plain), parents=bench.parents("warmup"))
    joint(context)
    kept = Idle.model_validate_json((context.folder / IDLE_FILE).read_text())
    wanted = "a batch wants 13 samples (joint.batch_size)"
    assert kept.why == f"12 of 26 samples lie in 3 clusters, {wanted}"


def test_stages_that_drop_their_only_batch_name_the_setting(bench: Any, tiny: Tiny) -> None:
    gan = bench.context("gan", tiny(gan={"batch_size": 27}), parents=bench.parents("warmup"))
    gan_warmup(gan)
    people = bench.context(
        "pretrain", tiny(pretrain={"batch_size": 27}), datasets={"pretrain": bench.dataset}
    )
    pretrain(people)
    for context in (gan, people):
        kept = Idle.model_validate_json((context.folder / IDLE_FILE).read_text())
        size = f"{context.stage}.batch_size=27"
        assert kept.why == f"{size} is more than the 26 training samples"


TRIPLETS = {"batch_images": 4, "instances": 2, "k1": 4, "k2": 2, "rho": 0.05}
METHODS: dict[str, tuple[dict[str, Any], str]] = {
    "buc": ({"batch_size": 27}, "warmup.buc.batch_size=27 is more than the 26 training samples"),
    "ssg": (
        {**TRIPLETS, "min_samples": 99, "iterations": 1, "epochs": 1},
        "none of the 26 samples was clustered",
    ),
    "mmt": (
        {"epochs": 1, "iterations": 2, "batch_size": 4, "k1": 4, "k2": 2, "min_samples": 99},
        "none of the 26 samples was clustered",
    ),
    "cluster_contrast": (
        {"epochs": 1, "iterations": 2, "batch_size": 4, "k1": 4, "k2": 2, "min_samples": 99},
        "none of the 26 samples was clustered",
    ),
    "act": (
        {
            **TRIPLETS,
            "min_samples": 99,
            "iterations": 1,
            "epochs": 1,
            "udap_iterations": 1,
            "udap_epochs": 1,
            "udap_batch_images": 4,
        },
        "none of the 26 samples was clustered",
    ),
}


@pytest.mark.parametrize("method", METHODS)
def test_warm_ups_name_what_is_in_the_way(bench: Any, tiny: Tiny, method: str) -> None:
    section, why = METHODS[method]
    settings = tiny(warmup={"method": method, **{f"{method}.{k}": v for k, v in section.items()}})
    training = bench.warmed(settings, source=method == "act")
    kept = Idle.model_validate_json((training.context.folder / IDLE_FILE).read_text())
    assert (kept.stage, kept.why, kept.untrained) == ("warmup", why, True)


def test_a_single_batch_of_co_teaching_is_no_step_of_the_main_network(
    bench: Any, tiny: Tiny
) -> None:
    section = {
        **TRIPLETS,
        "min_samples": 2,
        "iterations": 1,
        "epochs": 2,
        "udap_iterations": 0,
        "batch_images": 12,  # six people at once: one batch an epoch, the co-network's
    }
    settings = tiny(warmup={"method": "act", **{f"act.{k}": v for k, v in section.items()}})
    training = bench.warmup(settings, source=True)
    before = training.encoder.conv1.weight.detach().clone()
    assert [batch.learner for batch in training.begin_epoch(0)] == ["co"]
    train(training, training.context)
    assert torch.equal(training.encoder.conv1.weight, before)
    kept = Idle.model_validate_json((training.context.folder / IDLE_FILE).read_text())
    assert (kept.epochs, kept.without_step) == (2, 2)
    assert kept.why.endswith("a batch wants 12 clusters (every other batch is the co-network's)")
