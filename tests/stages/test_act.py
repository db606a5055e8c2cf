"""Stage 1, ACT: who learns from what, keep counts, eps, resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gclbench.pseudolabels.act import ActLabels
from gclbench.schema.act import ActSettings
from gclbench.stages import act
from gclbench.stages.act import ActBatch, ActTraining, Place, keep_count, place_of, smallest
from gclbench.stages.loop import train
from gclbench.stages.pretrain import load_encoder
from gclbench.stages.warmup import warmup

Tiny = Callable[..., Any]
SMALL: dict[str, Any] = {
    "iterations": 2,
    "epochs": 2,
    "batch_images": 4,
    "instances": 2,
    "lr": 1e-3,
    "k1": 4,
    "k2": 2,
    "rho": 0.05,
    "min_samples": 2,
    "udap_iterations": 1,
    "udap_epochs": 2,
    "udap_batch_images": 8,
    "udap_lr": 1e-3,
}


def of(tiny: Tiny, **changes: Any) -> Any:
    return tiny(warmup={"method": "act", "act": {**SMALL, **changes}})


def make(bench: Any, tiny: Tiny, **changes: Any) -> ActTraining:
    training = bench.warmup(of(tiny, **changes), source=True)
    assert isinstance(training, ActTraining)
    return training


@pytest.fixture
def labelled(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """Note the eps that each labelling is given; people are clusters, one of four an outlier."""
    asked: list[float | None] = []

    def label(target: Any, source: Any, *, eps: float | None, **rest: Any) -> ActLabels:
        asked.append(eps)
        rows = np.arange(len(target))
        return ActLabels(rows // 4 % 6, rows % 4 > 0, eps or 0.1 * len(asked), 6)

    monkeypatch.setattr(act, "act_labels", label)
    return asked


def test_keep_counts_of_a_batch_of_64() -> None:
    counts = [keep_count(64, iteration, ActSettings()) for iteration in range(10)]
    assert counts == [17, 23, 28, 33, 38, 43, 48, 53, 58, 64]


def test_the_last_iteration_keeps_all_and_two_are_always_kept() -> None:
    for base in np.linspace(0, 1, 21).tolist():
        for iterations in (1, 3, 7, 10):
            settings = ActSettings(keep_base=base, iterations=iterations)
            assert keep_count(64, iterations - 1, settings) == 64
    assert keep_count(4, 0, ActSettings()) == 2


def test_the_smallest_losses_are_kept_and_ties_go_by_position() -> None:
    losses = torch.tensor([0.5, 0.0, 0.2, 0.0, 0.0, 0.1])
    assert smallest(losses, 4).tolist() == [1, 3, 4, 5]
    assert smallest(torch.arange(64.0), 17).tolist() == list(range(17))


def test_udap_comes_first_then_act() -> None:
    settings = ActSettings(**{**SMALL, "udap_iterations": 2, "udap_epochs": 3})
    places = [place_of(epoch, settings) for epoch in range(10)]
    assert places[:6] == [Place("udap", i, e) for i in range(2) for e in range(3)]
    assert places[6:] == [Place("act", i, e) for i in range(2) for e in range(2)]
    alone = ActSettings(**{**SMALL, "udap_iterations": 0})
    assert place_of(0, alone) == Place("act", 0, 0)


def test_each_phase_keeps_the_eps_of_its_first_iteration(
    bench: Any, tiny: Tiny, labelled: list[float | None]
) -> None:
    training = make(bench, tiny, udap_iterations=3, udap_epochs=1, iterations=3)
    assert training.epochs == 3 + 3 * 2
    for epoch in range(training.epochs):
        training.begin_epoch(epoch)
    assert labelled == [None, 0.1, 0.1, None, 0.4, 0.4]
    assert bench.values("eps") == [0.1, 0.1, 0.1, 0.4, 0.4, 0.4]


def test_real_labels_keep_eps_although_distances_change(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, udap_iterations=0, iterations=3, epochs=2, lr=1e-2)
    train(training, training.context)
    assert len(bench.values("eps")) == 3
    assert len(set(bench.values("eps"))) == 1
    assert bench.values("eps")[0] > 0


def test_udap_clusters_averages_as_they_come_and_act_unit_rows(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[torch.Tensor, torch.Tensor, bool]] = []
    real = act.act_labels

    def noted(target: Any, source: Any, **rest: Any) -> ActLabels:
        given.append((target, source, rest["unit"]))
        return real(target, source, **rest)

    monkeypatch.setattr(act, "act_labels", noted)
    training = make(bench, tiny, udap_iterations=1, udap_epochs=1)
    training.encoder.eval()
    with torch.no_grad():
        pooled = training.encoder(act.to_network(bench.dataset.images("train"))).pooled
    training.begin_epoch(0)
    training.begin_epoch(1)
    for (target, source, unit), expected in zip(
        given, (pooled, torch.nn.functional.normalize(pooled)), strict=True
    ):
        torch.testing.assert_close(target, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(source, expected, rtol=1e-4, atol=1e-5)
        assert unit is (expected is not pooled)
    assert (pooled.norm(dim=1) - 1).abs().min() > 0.05


def test_udap_leaves_outliers_out(bench: Any, tiny: Tiny, labelled: Any) -> None:
    training = make(bench, tiny)
    batches = training.begin_epoch(0)
    assert [batch.learner for batch in batches] == ["udap"]
    assert all(row % 4 > 0 for batch in batches for row in batch.inliers.tolist())


def test_even_batches_are_the_co_networks_and_odd_ones_bring_outliers(
    bench: Any, tiny: Tiny, labelled: Any
) -> None:
    batches = make(bench, tiny, udap_iterations=0).begin_epoch(0)
    assert [batch.learner for batch in batches] == ["co", "main", "co"]
    assert all(row % 4 > 0 for batch in batches for row in batch.inliers.tolist())
    assert [batch.outliers is None for batch in batches] == [True, False, True]
    outliers = batches[1].outliers
    assert outliers is not None
    assert len(outliers) == 4
    assert all(row % 4 == 0 for row in outliers.tolist())


def test_outliers_of_too_few_identities_are_left_out(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def label(target: Any, source: Any, **rest: Any) -> ActLabels:
        rows = np.arange(len(target))
        return ActLabels(rows // 4 % 6, rows != 5, 0.3, 6)

    monkeypatch.setattr(act, "act_labels", label)
    training = make(bench, tiny, udap_iterations=0)
    batches = training.begin_epoch(0)
    assert [batch.learner for batch in batches] == ["co", "main", "co"]
    assert all(batch.outliers is None for batch in batches)
    assert training.step(batches[1])["loss"] >= 0


@pytest.mark.parametrize("learner", ["co", "main"])
def test_a_step_moves_the_learner_and_only_the_statistics_of_the_other(
    bench: Any, tiny: Tiny, labelled: Any, learner: str, moved: Any, weights: Any
) -> None:
    training = make(bench, tiny, udap_iterations=0, margin=50.0)
    batches = {batch.learner: batch for batch in training.begin_epoch(0)}
    networks = {"main": training.encoder, "co": training.co}
    other = "main" if learner == "co" else "co"
    before = {name: weights(network) for name, network in networks.items()}
    training.step(batches[learner])
    assert "conv1.weight" in moved(before[learner], networks[learner])
    statistics = moved(before[other], networks[other])
    assert {name.rsplit(".", 1)[1] for name in statistics} == {
        "running_mean", "running_var", "num_batches_tracked",
    }  # fmt: skip


def ranks(bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, batch: ActBatch, **more: Any):
    """Swap in a loss that ranks samples by position, backwards; note the batches learnt from."""
    training = make(bench, tiny, udap_iterations=0, **more)
    training.begin_epoch(0)
    learnt: list[tuple[str, torch.Tensor]] = []

    def losses(output: Any, labels: torch.Tensor, margin: float) -> torch.Tensor:
        return torch.arange(float(len(labels))).flip(0)

    def learn(learner: Any, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        learnt.append((learner, labels))
        return torch.zeros(())

    monkeypatch.setattr(act, "co_teaching_losses", losses)
    monkeypatch.setattr(training, "_learn", learn)
    training.step(batch)
    return training, learnt


def test_the_kept_samples_are_those_of_the_smallest_losses(
    bench: Any, tiny: Tiny, labelled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inliers, outliers = torch.tensor([1, 2, 5, 6, 9, 10]), torch.tensor([0, 4, 8, 12, 16, 20])
    batch = ActBatch("co", inliers)
    training, learnt = ranks(bench, tiny, monkeypatch, batch, keep_base=0.2)  # rho = 0.6
    assert [(who, rows.tolist()) for who, rows in learnt] == [("co", [2, 2, 1])]
    batch = ActBatch("main", inliers, outliers)
    training, learnt = ranks(bench, tiny, monkeypatch, batch, keep_base=0.2)
    assert learnt[0][0] == "main"
    assert learnt[0][1].tolist() == [*training.labels[inliers].tolist(), 5, 4, 3]


def test_at_rho_1_without_outliers_main_is_trained_plainly(
    bench: Any, tiny: Tiny, labelled: Any, moved: Any, weights: Any
) -> None:
    training = make(bench, tiny, udap_iterations=0, iterations=1)
    rows = training.begin_epoch(0)[1].inliers
    plain = load_encoder(training.context, "source").train()
    optimizer = torch.optim.Adam(plain.parameters(), lr=training.settings.lr)
    images, labels = training._views(rows)
    act.co_teaching_losses(plain(images), labels, 0.5).mean().backward()
    optimizer.step()
    training.begin_epoch(0)
    training.step(ActBatch("main", rows))
    assert moved(weights(plain), training.encoder) == []
    assert len(training._picked(training.co, images, labels)) == len(rows)


def test_both_networks_start_equal_after_udap(
    bench: Any, tiny: Tiny, moved: Any, weights: Any
) -> None:
    training = make(bench, tiny)
    for epoch in range(2):
        for batch in training.begin_epoch(epoch):
            training.step(batch)
    assert "conv1.weight" in moved(weights(training.encoder), training.co)
    training.begin_epoch(2)
    assert moved(weights(training.encoder), training.co) == []
    assert bench.values("clusters")[0] > 1


@pytest.mark.parametrize("after", [1, 2, 3, 4, 5])
def test_a_run_that_is_killed_ends_with_the_same_bits(
    bench: Any, tiny: Tiny, after: int, moved: Any, weights: Any
) -> None:
    whole, again = bench.whole_and_resumed(of(tiny, margin=5.0), after, source=True)
    for name in ("encoder", "co"):
        assert moved(weights(getattr(whole, name)), getattr(again, name)) == []
    assert torch.equal(whole.labels, again.labels)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(
    bench: Any, tiny: Tiny, moved: Any, weights: Any
) -> None:
    runs = [training.encoder for training in bench.of_seeds(of(tiny), 0, 0, 1, source=True)]
    assert moved(weights(runs[0]), runs[1]) == []
    assert "conv1.weight" in moved(weights(runs[0]), runs[2])
    assert all(bool(torch.isfinite(value).all()) for value in weights(runs[0]).values())


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, tiny: Tiny, moved: Any, weights: Any
) -> None:
    honest, blind = bench.honest_and_blind(of(tiny), source=True)
    assert moved(weights(honest.encoder), blind.encoder) == []


def test_the_stage_leaves_the_main_network(bench: Any, tiny: Tiny, moved: Any) -> None:
    training = bench.warmed(of(tiny), source=True, folder="by_hand")
    context = bench.warmup(of(tiny), source=True, folder="stage").context
    assert warmup(context) == {}
    left = torch.load(context.folder / "encoder.pt", weights_only=True)
    assert moved(left, training.encoder) == []


def test_batches_that_are_no_whole_groups_are_refused() -> None:
    with pytest.raises(ValidationError, match="batch_images must be a multiple of instances"):
        ActSettings(batch_images=30)
    with pytest.raises(ValidationError, match="at least twice"):
        ActSettings(udap_batch_images=4)
