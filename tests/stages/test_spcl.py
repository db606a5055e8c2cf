"""Stage 1, SpCL: hybrid memory, self-paced labels, source classes, resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from gclbench.stages.spcl import SpclTraining

Tiny = Callable[..., Any]
SMALL: dict[str, Any] = {
    "epochs": 2, "iterations": 3, "batch_size": 8, "k1": 4, "k2": 2, "min_samples": 2,
}  # fmt: skip


def of(tiny: Tiny, **section: Any) -> Any:
    return tiny(warmup={"method": "spcl", "spcl": SMALL | section})


def make(bench: Any, tiny: Tiny, *, source: bool = False, **section: Any) -> SpclTraining:
    training = bench.warmup(of(tiny, **section), source=source)
    assert isinstance(training, SpclTraining)
    return training


def test_defaults_are_the_public_codes(tiny: Tiny) -> None:
    used = tiny(warmup={"method": "spcl"}).warmup.spcl
    assert (used.eps, used.eps_gap, used.k1, used.k2, used.min_samples) == (0.6, 0.02, 30, 6, 4)
    assert (used.temperature, used.momentum, used.lr) == (0.05, 0.2, 3.5e-4)
    assert (used.epochs, used.iterations, used.batch_size) == (50, 400, 64)


def test_the_memory_starts_with_class_means_and_test_features(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, source=True)
    people = bench.dataset.people + bench.dataset.strays
    assert training.classes == people
    assert len(training.bank) == people + len(bench.dataset.train)
    unit = training.unit_features(training.images)
    assert torch.equal(training.bank.rows[people:], unit)
    expected = F.normalize(unit[:4].mean(0), dim=0)  # the first person has the first four images
    assert torch.allclose(training.bank.rows[0], expected, atol=1e-6)


def test_groups_are_source_classes_then_clusters_then_single_images(
    bench: Any, tiny: Tiny
) -> None:
    training = make(bench, tiny, source=True)
    training.begin_epoch(0)
    classes, groups = training.classes, training.groups.tolist()
    assert groups[:classes] == list(range(classes))
    assert sorted(set(groups)) == list(range(max(groups) + 1))
    assert min(groups[classes:]) == classes
    clusters = int(training.quality["clusters"])
    sizes = torch.bincount(training.groups[classes:] - classes)
    assert clusters > 1
    assert bool((sizes[:clusters] > 1).all())
    assert bool((sizes[clusters:] == 1).all())
    assert training.quality["outliers"] == len(sizes) - clusters


def test_the_loss_is_the_contrast_against_group_means(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny)
    batch = training.begin_epoch(0)[0]
    rows, seen = training.bank.rows.clone(), []
    original = training.embed

    def spy(*args: Any) -> torch.Tensor:
        seen.append(original(*args))
        return seen[-1]

    training.embed = spy  # type: ignore[method-assign]
    loss = training.step(batch)["target"].item()
    groups = training.groups
    expected = []
    for f, index in zip(F.normalize(seen[0].detach(), dim=1), batch[0].tolist(), strict=True):
        means = [rows[groups == g].mean(0) for g in range(int(groups.max()) + 1)]
        logits = torch.stack([f @ mean for mean in means]) / 0.05
        expected.append(float(logits.logsumexp(0) - logits[groups[index]]))
    assert loss == pytest.approx(sum(expected) / len(expected), rel=1e-4)
    for f, index in zip(F.normalize(seen[0].detach(), dim=1), batch[0].tolist(), strict=True):
        rows[index] = F.normalize(0.2 * rows[index] + 0.8 * f, dim=0)
    assert torch.allclose(training.bank.rows, rows, atol=1e-6)


def test_with_a_source_both_halves_count_and_its_classes_move(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, source=True)
    before = training.bank.rows.clone()
    for losses in bench.run_epoch(training):
        assert losses["loss"] == pytest.approx(losses["source"] + losses["target"], rel=1e-5)
    moved = (training.bank.rows != before).any(dim=1)
    assert bool(moved[: training.classes].any())
    assert bool(moved[training.classes :].any())


@pytest.mark.parametrize("late", [False, True])
def test_the_slope_of_the_source_sees_what_the_target_wrote_where_that_is_asked_for(
    bench: Any, tiny: Tiny, late: bool
) -> None:
    training = make(bench, tiny, source=True, update_in_backward=late, momentum=0.5)
    rows, source_rows = training.begin_epoch(0)[0]
    bank, groups = training.bank.rows.double(), training.groups
    seen: list[torch.Tensor] = []
    original = training.embed

    def spy(*args: Any) -> torch.Tensor:
        seen.append(original(*args))
        seen[-1].retain_grad()
        return seen[-1]

    training.embed = spy  # type: ignore[method-assign]
    training.step((rows, source_rows))
    source, target = (f.detach().double() for f in seen)  # the source's pass comes first
    labels = training.source_labels[source_rows]  # type: ignore[index]

    def centres(of: torch.Tensor) -> torch.Tensor:
        return torch.stack([of[groups == g].mean(0) for g in range(int(groups.max()) + 1)])

    moved = bank.clone()
    for f, index in zip(target, (rows + training.classes).tolist(), strict=True):
        moved[index] = F.normalize(0.5 * moved[index] + 0.5 * f / f.norm(), dim=0)
    old, slopes = centres(bank), centres(moved if late else bank)
    for i, f in enumerate(source):
        u = f / f.norm()
        pull = ((u @ old.T / 0.05).softmax(0) - F.one_hot(groups[labels[i]], len(old))) / 0.05
        towards = pull @ slopes
        expected = (towards - (towards @ u) * u) / f.norm() / len(source)
        torch.testing.assert_close(seen[0].grad[i].double(), expected, rtol=1e-3, atol=1e-5)
    for f, index in zip(source, labels.tolist(), strict=True):
        moved[index] = F.normalize(0.5 * moved[index] + 0.5 * f / f.norm(), dim=0)
    torch.testing.assert_close(training.bank.rows.double(), moved, rtol=1e-4, atol=1e-5)
    assert (centres(moved) - old).abs().max() > 0.01


def test_the_source_can_be_left_aside(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, source=True, source_classes=False)
    assert training.classes == 0
    assert all(set(losses) == {"loss", "target"} for losses in bench.run_epoch(training))


def test_running_statistics_are_the_targets_alone(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, source=True)
    batch = training.begin_epoch(0)[0]
    before = training.encoder.bn1.running_mean.clone()
    losses = training.step(batch)
    assert set(losses) == {"loss", "source", "target"}
    assert int(training.encoder.bn1.num_batches_tracked) == 1  # one pass of two moved them
    assert not torch.equal(training.encoder.bn1.running_mean, before)


def test_the_first_epochs_limit_stays(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny)
    bench.run_epoch(training)
    limit = training.limit
    assert limit is not None
    training.bank.update(
        torch.arange(26), torch.randn(26, 16, generator=torch.Generator().manual_seed(1)), 0.0
    )
    bench.run_epoch(training, 1)
    assert training.limit == limit


def test_the_rate_falls_tenfold_at_every_step(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, lr_step_epochs=20)
    rates = {}
    for epoch in (0, 19, 20, 40):
        training.begin_epoch(epoch)
        rates[epoch] = training.optimizer.param_groups[0]["lr"]
    assert rates == pytest.approx({0: 3.5e-4, 19: 3.5e-4, 20: 3.5e-5, 40: 3.5e-6})


@pytest.mark.parametrize("source", [False, True])
def test_a_checkpoint_gives_the_same_next_epoch(
    bench: Any, tiny: Tiny, source: bool, moved: Any, weights: Any
) -> None:
    one, losses, other, again = bench.second_epochs(of(tiny), source=source)
    assert losses == again != []
    assert moved(weights(one.encoder), other.encoder) == []
    assert torch.equal(one.bank.rows, other.bank.rows)
    assert one.limit == other.limit


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, tiny: Tiny, moved: Any, weights: Any
) -> None:
    honest, blind = bench.honest_and_blind(of(tiny))
    assert moved(weights(honest.encoder), blind.encoder) == []


def test_nobody_clustered_is_every_image_alone(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, eps=0.03, min_samples=9)
    losses = bench.run_epoch(training)
    assert len(losses) == 3
    assert training.quality["clusters"] == 0
    assert training.limit is None


def test_the_stage_runs_it_and_leaves_an_encoder(bench: Any, tiny: Tiny) -> None:
    start, state = bench.stage_result(of(tiny))
    assert not torch.equal(state["conv1.weight"], start["conv1.weight"])


def test_radii_outside_the_range_are_refused(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="make eps_gap smaller"):
        tiny(warmup={"spcl": {"eps": 0.99, "eps_gap": 0.02}})
