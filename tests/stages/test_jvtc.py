"""Stage 1, JVTC: when labels are refreshed, which losses a batch gets, memory, resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gclbench.pseudolabels.jvtc import RefreshedLabels
from gclbench.stages import jvtc
from gclbench.stages.jvtc import JvtcTraining

Tiny = Callable[..., Any]
PAPER = {"global_from_epoch": 10, "joint_from_epoch": 30, "refresh_every_epochs": 5}


def make_training(bench: Any, settings: Any = None, **context: Any) -> JvtcTraining:
    training = bench.warmup(settings, **context)
    assert isinstance(training, JvtcTraining)
    return training


@pytest.fixture
def refreshes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Note each refresh as (mode, settings) and answer with one class for everybody."""
    seen: list[tuple[str, Any]] = []

    def refresh(
        rows: Any, cams: Any, frames: Any, mode: str, settings: Any, clock_frames: int
    ) -> RefreshedLabels:
        seen.append((mode, settings))
        return RefreshedLabels(np.zeros(len(rows), np.int64), 0.5, 1)

    monkeypatch.setattr(jvtc, "refresh_labels", refresh)
    return seen


def test_the_papers_schedule_refreshes_at_10_15_20_25_and_jointly_from_30(
    bench: Any, tiny: Tiny, refreshes: list[tuple[str, Any]]
) -> None:
    training = make_training(bench, tiny(warmup={"epochs": 45, **PAPER}))
    schedule = {}
    for epoch in range(45):
        before = len(refreshes)
        training.begin_epoch(epoch)
        if len(refreshes) > before:
            schedule[epoch + 1] = refreshes[-1][0]
    visual, joint = dict.fromkeys((10, 15, 20, 25), "visual"), (30, 35, 40, 45)
    assert schedule == visual | dict.fromkeys(joint, "joint")


def test_the_refresh_learns_which_frames_lie_on_one_clock(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []

    def refresh(rows: Any, *others: Any) -> RefreshedLabels:
        told.append(others[-1])
        return RefreshedLabels(np.zeros(len(rows), np.int64), 0.5, 1)

    monkeypatch.setattr(jvtc, "refresh_labels", refresh)
    training = make_training(bench, tiny(warmup={"global_from_epoch": 1}))
    training.begin_epoch(0)
    # Frozen, and its tables are made when it is.
    slotted = replace(bench.dataset.train, clock_frames=10_000)
    object.__setattr__(bench.dataset, "train", slotted)
    training = make_training(bench, tiny(warmup={"global_from_epoch": 1}))
    training.begin_epoch(0)
    assert told == [0, 10_000]


def test_labels_change_at_a_refresh_only_and_it_is_logged(
    bench: Any, tiny: Tiny, refreshes: list[tuple[str, Any]]
) -> None:
    training = make_training(bench, tiny(warmup=PAPER))
    training.begin_epoch(8)
    assert training.labels.tolist() == list(range(len(bench.dataset.train)))
    training.begin_epoch(9)
    assert set(training.labels.tolist()) == {0}
    assert bench.logged == [("clusters", 1.0, 10), ("eps", 0.5, 10)]


def test_the_radius_shrinks_without_a_source_only(
    bench: Any, tiny: Tiny, refreshes: list[tuple[str, Any]]
) -> None:
    settings = tiny(warmup={"eps_factor": 0.7, "eps_factor_with_source": 0.9})
    make_training(bench, settings).begin_epoch(0)
    make_training(bench, settings, source=True).begin_epoch(0)
    assert [used.eps_factor for _, used in refreshes] == [0.7, 0.9]


def test_the_rate_falls_tenfold_at_every_lr_step(bench: Any, tiny: Tiny) -> None:
    settings = tiny(warmup={"lr": 0.01, "lr_step_epochs": 40, "global_from_epoch": 999})
    training = make_training(bench, settings)
    rates = {}
    for number in (1, 39, 40, 79, 80):
        training.begin_epoch(number - 1)
        rates[number] = training.optimizer.param_groups[0]["lr"]
    assert rates == pytest.approx({1: 0.01, 39: 0.01, 40: 1e-3, 79: 1e-3, 80: 1e-4})


def losses_of_epoch(training: JvtcTraining, epoch: int) -> dict[str, Any]:
    return training.step(training.begin_epoch(epoch)[0])


def test_the_global_loss_is_there_from_its_epoch_on(bench: Any, tiny: Tiny) -> None:
    training = make_training(bench, tiny(warmup={"global_from_epoch": 2}))
    assert sorted(losses_of_epoch(training, 0)) == ["local", "loss"]
    assert sorted(losses_of_epoch(training, 1)) == ["global", "local", "loss"]


def test_the_source_loss_is_there_with_a_source_only(bench: Any, tiny: Tiny) -> None:
    without = make_training(bench)
    assert "source" not in losses_of_epoch(without, 0)
    assert "source" in losses_of_epoch(make_training(bench, source=True), 0)
    switched_off = make_training(bench, tiny(warmup={"source_loss": False}), source=True)
    assert "source" not in losses_of_epoch(switched_off, 0)


def test_the_reported_loss_is_the_sum_of_its_parts(bench: Any) -> None:
    losses = losses_of_epoch(make_training(bench, source=True), 0)
    total = losses.pop("loss").item()
    assert sorted(losses) == ["global", "local", "source"]
    assert total == pytest.approx(sum(value.item() for value in losses.values()), rel=1e-6)


def test_an_epoch_is_a_pass_over_the_source_or_else_the_target(bench: Any, tiny: Tiny) -> None:
    images = len(bench.dataset.train)
    settings = tiny(warmup={"batch_images": 3, "copies": 2})
    alone = make_training(bench, settings).begin_epoch(0)
    assert len(alone) == images // 3
    both = make_training(bench, settings, source=True).begin_epoch(0)
    assert len(both) == images // 6
    assert [len(target) for target, _ in both] == [3] * len(both)
    assert (
        len(torch.cat([rows for _, rows in both if rows is not None]).unique()) == images // 6 * 6
    )


def test_the_target_goes_on_across_epochs_where_the_source_sets_their_length(
    bench: Any, tiny: Tiny
) -> None:
    training = make_training(bench, tiny(warmup={"batch_images": 2, "copies": 4}), source=True)
    first, second = (torch.cat([t for t, _ in training.begin_epoch(e)]) for e in (0, 1))
    assert set(first.tolist()).isdisjoint(second.tolist())


def test_visited_rows_take_the_mean_of_the_copies_and_others_stay(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make_training(bench, tiny(warmup={"memory_momentum_step": 0.05, "copies": 3}))
    batch = training.begin_epoch(1)[0]
    seen: list[torch.Tensor] = []
    original = training._losses

    def spy(features: torch.Tensor, indices: torch.Tensor) -> dict[str, torch.Tensor]:
        seen.append(features.detach().clone())
        return original(features, indices)

    monkeypatch.setattr(training, "_losses", spy)
    old = training.bank.rows.clone()
    training.step(batch)
    expected = old.clone()
    for place, index in enumerate(batch[0].tolist()):
        mean = seen[0][3 * place : 3 * place + 3].mean(0)
        expected[index] = 0.1 * old[index] + 0.9 * F.normalize(mean, dim=0)  # 0.05 * epoch 2
    assert torch.allclose(training.bank.rows, expected, atol=1e-6)
    untouched = [i for i in range(len(old)) if i not in batch[0].tolist()]
    assert torch.equal(training.bank.rows[untouched], old[untouched])


@pytest.mark.parametrize("source", [False, True])
def test_a_checkpoint_gives_the_same_next_epoch(
    bench: Any, source: bool, moved: Callable[..., list[str]], weights: Callable[[Any], Any]
) -> None:
    one, losses, other, again = bench.second_epochs(None, source=source)
    assert losses == again != []
    assert moved(weights(one.encoder), other.encoder) == []
    assert torch.equal(one.bank.rows, other.bank.rows)
    assert torch.equal(one.labels, other.labels)


def test_every_epoch_draws_of_its_own_in_train_mode(bench: Any) -> None:
    training = make_training(bench)
    draws = []
    for epoch in (0, 1, 0):
        training.encoder.eval()
        training.begin_epoch(epoch)
        assert all(part.training for part in training.encoder.modules())
        draws.append(torch.rand(3, generator=training.generator).tolist())
    assert draws[0] == draws[2] != draws[1]


def test_between_refreshes_a_checkpoint_brings_the_labels_back(bench: Any, tiny: Tiny) -> None:
    settings = tiny(warmup={"refresh_every_epochs": 5})
    training = make_training(bench, settings)
    training.begin_epoch(0)
    assert training.labels.tolist() != list(range(len(bench.dataset.train)))
    other = make_training(bench, settings, folder="other")
    other.load_state_dict(training.state_dict())
    other.begin_epoch(1)
    assert torch.equal(other.labels, training.labels)


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, moved: Callable[..., list[str]], weights: Callable[[Any], Any]
) -> None:
    honest, blind = bench.honest_and_blind()
    assert 1 < len(honest.labels.unique()) < len(honest.labels)
    assert moved(weights(honest.encoder), blind.encoder) == []
    assert torch.equal(honest.bank.rows, blind.bank.rows)


def test_the_stage_runs_the_method_that_is_named_and_leaves_an_encoder(bench: Any) -> None:
    start, state = bench.stage_result()
    assert not torch.equal(state["conv1.weight"], start["conv1.weight"])
