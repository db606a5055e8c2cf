"""Stage 1, BUC: steps and rates, merging, what is frozen, which step leaves, resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.errors import UsageError
from gclbench.evaluation.features import extract_pooled
from gclbench.kernels.merging import merge_clusters
from gclbench.kernels.silhouette import silhouette
from gclbench.registry import REGISTRY
from gclbench.schema.warmups import BucSettings
from gclbench.stages.buc import BucSchedule, BucTraining, dropped_out
from gclbench.stages.loop import train
from gclbench.stages.pretrain import load_encoder
from gclbench.stages.warmup import warmup

Tiny = Callable[..., Any]
STEPS = 4  # of merge_fraction 0.2


def make(bench: Any, tiny: Tiny, folder: str = "own", **buc: Any) -> BucTraining:
    settings = tiny(warmup={"method": "buc", **{f"buc.{k}": v for k, v in buc.items()}})
    context = bench.context("warmup", settings, parents=bench.parents("pretrain"), folder=folder)
    return BucTraining(context, load_encoder(context, "pretrain"))


def history(training: BucTraining) -> list[dict[str, float]]:
    path = training.context.folder / "epochs.json"
    return [entry for entry in json.loads(path.read_text()) if "step" in entry]


@pytest.mark.parametrize("fraction, steps", [(0.05, 19), (0.1, 9), (0.2, 4), (0.25, 3), (0.5, 1)])
def test_the_number_of_steps_follows_from_the_fraction(fraction: float, steps: int) -> None:
    settings = BucSettings(merge_fraction=fraction)
    video, images = BucSchedule.of(settings, True), BucSchedule.of(settings, False)
    assert (video.steps, images.steps) == (steps, steps)
    assert video.epochs == 20 + 5 * (steps - 1)
    assert images.epochs == 20 + 2 * (steps - 1)


def test_the_first_step_has_20_epochs_and_later_ones_5() -> None:
    schedule = BucSchedule.of(BucSettings(), True)
    steps = [schedule.at(epoch)[0] for epoch in range(schedule.epochs)]
    assert [steps.count(step) for step in range(19)] == [20] + [5] * 18
    ends = [epoch for epoch in range(schedule.epochs) if schedule.ends_step(epoch)]
    assert ends == list(range(19, 110, 5))


def test_rates_are_the_codes_in_every_epoch(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, first_epochs=20, later_epochs_images=2)
    rates = []
    for epoch in (0, 15, 16, 19):
        training.begin_epoch(epoch)
        rates.append([group["lr"] for group in training.optimizer.param_groups])
    assert rates[0] == rates[1] == pytest.approx([0.01, 0.1])
    assert rates[2] == rates[3] == pytest.approx([0.001, 0.01])
    training._begin_step(1)
    training.begin_epoch(20)
    assert [g["lr"] for g in training.optimizer.param_groups] == pytest.approx([1e-3, 0.01])


@pytest.mark.parametrize("kind", ["bench", "video"])
def test_every_step_is_listed_and_merges_the_same_number(
    kind: str, request: pytest.FixtureRequest, tiny: Tiny
) -> None:
    place = request.getfixturevalue(kind)
    training = make(place, tiny, evaluate_steps=True)
    samples = len(place.dataset.train)
    train(training, training.context)
    listed = history(training)
    merges = int(samples * 0.2)
    assert [entry["step"] for entry in listed] == list(range(STEPS))
    assert [entry["step_clusters"] for entry in listed] == [
        samples - merges * step for step in range(STEPS)
    ]
    assert listed[0]["silhouette"] == 0
    assert all(0 <= entry["step_nmi"] <= 1 for entry in listed)
    assert all(0 <= entry["step_mAP"] <= 100 for entry in listed)
    best = max(listed, key=lambda entry: entry["silhouette"])["step"]
    assert listed[-1]["result_step"] == best


def test_the_first_loss_of_a_step_is_the_log_of_its_clusters(video: Any, tiny: Tiny) -> None:
    training = make(video, tiny)
    for epoch in range(3):
        for index, batch in enumerate(training.begin_epoch(epoch)):
            clusters = training.clusters
            loss = float(training.step(batch)["loss"].detach())
            if index == 0 and epoch in (0, 2):
                assert loss == pytest.approx(np.log(clusters), rel=1e-5)
        training.end_epoch(epoch)


def test_a_merge_follows_the_pooled_features_of_all_frames(video: Any, tiny: Tiny) -> None:
    training = make(video, tiny, first_epochs=1)
    for batch in training.begin_epoch(0):
        training.step(batch)
    before, order = training.labels.clone(), training.list
    features = extract_pooled(
        training.encoder, training.images, 7, starts=video.dataset.train.starts
    )
    metrics = training.end_epoch(0)
    expected = merge_clusters(features[order], before[order], training.merges, 0.003)
    assert training.labels[order].tolist() == expected.tolist()
    assert metrics["silhouette"] == pytest.approx(silhouette(features, before), abs=1e-6)
    assert float(training.table.rows.abs().sum()) == 0
    assert training.optimizer.state == {}


def test_clusters_are_numbered_by_a_shuffled_list(video: Any, tiny: Tiny) -> None:
    training = make(video, tiny)
    samples = len(video.dataset.train)
    assert sorted(training.labels.tolist()) == list(range(samples))
    assert training.labels.tolist() != list(range(samples))
    assert training.labels[training.list].tolist() == list(range(samples))


def test_the_table_takes_what_the_loss_saw(video: Any, tiny: Tiny) -> None:
    training = make(video, tiny)
    batch = training.begin_epoch(0)[0]
    training.step(batch)
    rows = training.table.rows
    visited = sorted(training.labels[batch].tolist())
    assert torch.nonzero(rows.norm(dim=1))[:, 0].tolist() == visited
    assert torch.allclose(rows[visited].norm(dim=1), torch.ones(4))
    assert bool((rows[visited] == 0).any())  # dropout


def test_early_layers_are_frozen_for_tracklets_only(
    bench: Any, video: Any, tiny: Tiny, weights: Any, moved: Any
) -> None:
    early = ("conv1.", "bn1.", "layer1.", "layer2.")
    for place, frozen in ((video, True), (bench, False)):
        training = make(place, tiny)
        before = weights(training.encoder)
        train(training, training.context)
        names = moved(before, training.encoder)
        assert frozen != any(name.startswith(early) for name in names)
        assert {"layer3.0.conv1.weight", "layer4.0.conv1.weight", "feat.weight"} <= set(names)
    training = make(video, tiny, folder="free", freeze="never")
    before = weights(training.encoder)
    for batch in training.begin_epoch(0):
        training.step(batch)
    assert "conv1.weight" in moved(before, training.encoder)


@pytest.mark.parametrize("result, step", [("last", STEPS - 1), (0, 0), (2, 2)])
def test_the_step_that_is_named_leaves(video: Any, tiny: Tiny, result: Any, step: int) -> None:
    training = make(video, tiny, result=result)
    states = []
    for epoch in range(training.epochs):
        for batch in training.begin_epoch(epoch):
            training.step(batch)
        ends = training.schedule.ends_step(epoch)
        state = {k: v.clone() for k, v in training.encoder.state_dict().items()}
        training.end_epoch(epoch)
        if ends:
            states.append(state)
    left = training.encoder.state_dict()
    assert len(states) == STEPS
    assert all(torch.equal(left[name], states[step][name]) for name in left)
    others = [s for s in range(STEPS) if s != step]
    assert all(not torch.equal(left["feat.weight"], states[s]["feat.weight"]) for s in others)


@pytest.mark.parametrize("kind", ["bench", "video"])
@pytest.mark.parametrize("stop", [1, 2, 4])
def test_a_kill_ends_with_the_same_bits(
    kind: str, stop: int, request: pytest.FixtureRequest, tiny: Tiny, weights: Any, moved: Any
) -> None:
    place = request.getfixturevalue(kind)
    whole = make(place, tiny, folder="whole")
    train(whole, whole.context)
    cut = make(place, tiny, folder="cut")
    cut.epochs = stop
    train(cut, cut.context)
    resumed = make(place, tiny, folder="cut")
    train(resumed, resumed.context)
    assert moved(weights(whole.encoder), resumed.encoder) == []
    assert torch.equal(whole.labels, resumed.labels)
    assert torch.equal(whole.table.rows, resumed.table.rows)
    files = [t.context.folder / "epochs.json" for t in (whole, resumed)]
    assert files[0].read_text() == files[1].read_text()


def test_another_seed_trains_another_encoder(video: Any, tiny: Tiny, weights: Any) -> None:
    results = []
    for seed in (0, 1):
        settings = tiny(warmup={"method": "buc"})
        context = video.context(
            "warmup", settings, parents=video.parents("pretrain"), seed=seed, folder=str(seed)
        )
        training = BucTraining(context, load_encoder(context, "pretrain"))
        train(training, context)
        results.append(weights(training.encoder))
    assert not torch.equal(results[0]["feat.weight"], results[1]["feat.weight"])


def test_dropout_doubles_what_it_leaves() -> None:
    ones = torch.ones(200, 50)
    out = dropped_out(ones, 0.5, torch.Generator().manual_seed(0))
    assert set(out.unique().tolist()) == {0.0, 2.0}
    assert float((out == 0).float().mean()) == pytest.approx(0.5, abs=0.02)
    assert dropped_out(ones, 0.0, torch.Generator()) is ones


def test_the_stage_leaves_an_encoder_that_later_stages_load(video: Any, tiny: Tiny) -> None:
    settings = tiny(warmup={"method": "buc"})
    context = video.context("warmup", settings, parents=video.parents("pretrain"))
    assert warmup(context) == {}
    state = torch.load(context.folder / "encoder.pt", weights_only=True)
    start = load_encoder(context, "pretrain")
    assert state.keys() == start.state_dict().keys()
    start.load_state_dict(state)
    embedding = start.eval()(torch.zeros(2, 3, 64, 32)).embedding
    assert bool(torch.isfinite(embedding).all())
    assert REGISTRY.lookup("warmups", "buc").component is BucTraining


def test_what_cannot_work_is_refused(video: Any, tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="0 to 3"):
        make(video, tiny, result=4)
    with pytest.raises(UsageError, match="not one merge"):
        make(video, tiny, merge_fraction=0.01)
