"""Stage 1, ECN: exemplar memory, neighbours, frozen stages, dropout, source, resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from gclbench.stages import ecn
from gclbench.stages.ecn import EcnTraining

Tiny = Callable[..., Any]
SMALL: dict[str, Any] = {"epochs": 2, "batch_size": 6, "neighbours_from_epoch": 2}


def of(tiny: Tiny, **section: Any) -> Any:
    return tiny(warmup={"method": "ecn", "ecn": SMALL | section})


def make(bench: Any, tiny: Tiny, *, source: bool = False, **section: Any) -> EcnTraining:
    training = bench.warmup(of(tiny, **section), source=source)
    assert isinstance(training, EcnTraining)
    return training


def test_defaults_are_the_public_codes(tiny: Tiny) -> None:
    used = tiny(warmup={}).warmup.ecn
    assert (used.neighbours, used.neighbours_from_epoch) == (6, 6)
    assert (used.temperature, used.memory_momentum_step, used.target_weight) == (0.05, 0.01, 0.3)
    assert (used.lr, used.new_layer_lr_factor, used.dropout) == (0.01, 10.0, 0.5)
    assert (used.epochs, used.lr_step_epochs, used.batch_size) == (60, 40, 128)


def test_neighbours_memory_and_rate_follow_the_epochs(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, neighbours_from_epoch=6, lr_step_epochs=40)
    seen = {}
    for epoch in (0, 4, 5, 40):
        training.begin_epoch(epoch)
        rate = training.optimizer.param_groups[0]["lr"]
        seen[epoch] = (training.neighbours, round(training.momentum, 6), round(rate, 6))
    assert seen == {0: (0, 0, 0.01), 4: (0, 0.04, 0.01), 5: (6, 0.05, 0.01), 40: (6, 0.4, 0.001)}
    training.begin_epoch(500)
    assert training.momentum == 1.0


def test_the_memory_is_empty_until_an_image_was_seen(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny)
    assert not training.bank.rows.any()
    batch = training.begin_epoch(0)[0]
    training.step(batch)
    norms = training.bank.rows.norm(dim=1)
    assert torch.allclose(norms[batch[0]], torch.ones(len(batch[0])), atol=1e-5)
    assert int((norms > 0).sum()) == len(batch[0])


def test_visited_rows_take_the_dropped_unit_feature(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make(bench, tiny, memory_momentum_step=0.2)
    bench.run_epoch(training)
    seen: list[torch.Tensor] = []
    original = ecn.exemplar_loss

    def spy(features: torch.Tensor, *others: Any) -> torch.Tensor:
        seen.append(features.detach().clone())
        return original(features, *others)

    monkeypatch.setattr(ecn, "exemplar_loss", spy)
    batch, old = training.begin_epoch(1)[0], training.bank.rows.clone()
    training.step(batch)
    assert 0.2 < float((seen[0] == 0).double().mean()) < 0.8
    kept = (seen[0] != 0).double().sum()
    assert kept > 0
    for index, x in zip(batch[0].tolist(), seen[0], strict=True):
        expected = F.normalize(0.2 * old[index] + 0.8 * x, dim=0)
        assert torch.allclose(training.bank.rows[index], expected, atol=1e-6)


def test_dropout_leaves_the_expectation(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, dropout=0.5)
    training.begin_epoch(0)
    dropped = training._drop(torch.ones(200, 50))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.05)
    training = make(bench, tiny, dropout=0.0)
    assert torch.equal(training._drop(torch.ones(2, 3)), torch.ones(2, 3))


@pytest.mark.parametrize("number, still", [(0, ()), (2, ("conv1", "bn1", "layer1", "layer2"))])
def test_frozen_stages_keep_weights_and_statistics(
    bench: Any, tiny: Tiny, moved: Any, weights: Any, number: int, still: tuple[str, ...]
) -> None:
    training = make(bench, tiny, frozen_stages=number)
    before = weights(training.encoder)
    bench.run_epoch(training)
    parts = {name.split(".")[0] for name in moved(before, training.encoder)}
    every = {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "feat", "feat_bn"}
    assert parts == every - set(still)


def test_with_a_source_the_two_losses_share_the_weight(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, source=True, target_weight=0.3)
    assert training.source is not None
    before = training.source.classifier.weight.detach().clone()
    for losses in bench.run_epoch(training):
        expected = 0.7 * losses["source"] + 0.3 * losses["target"]
        assert losses["loss"] == pytest.approx(expected, rel=1e-5)
    assert not torch.equal(training.source.classifier.weight, before)


def test_without_a_source_the_targets_loss_stands_alone(bench: Any, tiny: Tiny) -> None:
    for losses in bench.run_epoch(make(bench, tiny, target_weight=0.3)):
        assert set(losses) == {"loss", "target"}
        assert losses["loss"] == losses["target"]


@pytest.mark.parametrize("source", [False, True])
def test_a_checkpoint_gives_the_same_next_epoch(
    bench: Any, tiny: Tiny, source: bool, moved: Any, weights: Any
) -> None:
    one, losses, other, again = bench.second_epochs(of(tiny), source=source)
    assert losses == again != []
    assert moved(weights(one.encoder), other.encoder) == []
    assert torch.equal(one.bank.rows, other.bank.rows)


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, tiny: Tiny, moved: Any, weights: Any
) -> None:
    honest, blind = bench.honest_and_blind(of(tiny))
    assert moved(weights(honest.encoder), blind.encoder) == []


def test_the_stage_runs_it_and_leaves_an_encoder(bench: Any, tiny: Tiny) -> None:
    start, state = bench.stage_result(of(tiny, frozen_stages=0))
    assert not torch.equal(state["conv1.weight"], start["conv1.weight"])
