"""Stage 1, SCL: memories, whom an image is compared with, the code's backward pass, resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import UsageError
from gclbench.losses.scl import position_weights
from gclbench.stages.scl import SclTraining

Tiny = Callable[..., Any]
SMALL = {"epochs": 3, "batch_size": 4, "positives": 2, "negatives": 6, "init_epochs": 1}


def scl(tiny: Tiny, **changes: Any) -> Any:
    return tiny(warmup={"method": "scl", "scl": {**SMALL, "lr": 0.01, **changes}})


def make(bench: Any, tiny: Tiny, **changes: Any) -> SclTraining:
    training = bench.warmup(scl(tiny, **changes))
    assert isinstance(training, SclTraining)
    return training


def rows_of(training: SclTraining) -> list[Tensor]:
    memory = training.memory
    return [r.clone() for r in (memory.rows.rows, memory.stripes, training.mixture.rows)]


def test_the_memories_are_filled_in_one_pass_and_the_mixture_is_not(
    bench: Any, tiny: Tiny
) -> None:
    training = make(bench, tiny)
    assert len(training.memory.rows.rows.unique(dim=0)) == 1
    batches = training.begin_epoch(0)
    rows, stripes, mixture = rows_of(training)
    count = len(bench.dataset.train)
    assert sorted(torch.cat(batches).tolist()) == list(range(count))
    assert len(rows.unique(dim=0)) == len(stripes.unique(dim=0)) == count
    assert torch.allclose(rows.norm(dim=1), torch.ones(count), atol=1e-5)
    assert torch.allclose(stripes.norm(dim=2), torch.ones(count, 4), atol=1e-5)
    assert not mixture.any()
    training.begin_epoch(1)
    assert torch.equal(rows_of(training)[0], rows)


def test_no_batch_is_a_single_image(bench: Any, tiny: Tiny) -> None:
    for size in (5, 25, 30):  # of 26 images
        sizes = [len(b) for b in make(bench, tiny, batch_size=size).begin_epoch(0)]
        assert sum(sizes) == 26
        assert min(sizes) > 1


def test_the_first_epochs_know_no_neighbours(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, init_epochs=2)
    for epoch, positives in ((0, 1), (1, 1), (2, 3)):
        training.begin_epoch(epoch)
        assert torch.equal(training.weights, position_weights(positives - 1, 0.5, 1.75))
        candidates = training._candidates(
            torch.tensor([3, 9]), *[rows[[3, 9]] for rows in rows_of(training)[:2]]
        )
        assert candidates.shape == (2, 9)
        assert candidates[:, 0].tolist() == [3, 9]


def test_neighbours_are_searched_in_both_memories_and_by_camera(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, lambda_g=0.3, lambda_c=0.4)
    training.begin_epoch(0)
    training.begin_epoch(1)
    rows, stripes, _ = rows_of(training)
    cams = bench.dataset.train.cams
    found = training._candidates(torch.tensor([8]), rows[[8]], stripes[[8]])[0].tolist()
    distance = {}
    for j in range(len(rows)):
        local = float((stripes[8] - stripes[j]).square().sum()) / 4
        same = float(cams[j] == cams[8])
        glob = float((rows[8] - rows[j]).square().sum())
        distance[j] = 0.3 * glob + 0.7 * local + 0.4 * same
    expected = sorted(set(distance) - {8}, key=lambda j: distance[j])[:8]
    assert found == [8, *expected]


def see_constants(training: SclTraining, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Let the networks answer with leaves of our own, whose gradients can be looked at."""
    rng = torch.Generator().manual_seed(4)
    features = F.normalize(torch.randn(4, 16, generator=rng)).requires_grad_()
    stripes = F.normalize(torch.randn(4, 4, 4, generator=rng), dim=2).requires_grad_()
    monkeypatch.setattr(training, "_see", lambda batch: (features, stripes))
    return [features, stripes]


def ready(bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Any:
    """A training in its second epoch, memories filled by the first; and the leaves it sees."""
    training = make(bench, tiny, lambda_p=0.3, **changes)
    for batch in training.begin_epoch(0):
        training.step(batch)
    training.begin_epoch(1)
    return training, see_constants(training, monkeypatch)


BATCH = torch.tensor([1, 4, 11, 20])


def test_a_step_updates_the_memories_as_the_code_does(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, leaves = ready(bench, tiny, monkeypatch)
    features, stripes = (leaf.detach() for leaf in leaves)
    rows, stripe_rows, mixture = rows_of(training)
    candidates = training._candidates(BATCH, features, stripes)
    training.step(BATCH)
    for place, index in enumerate(BATCH.tolist()):
        rows[index] = F.normalize(0.5 * rows[index] + 0.5 * features[place], dim=0)
        mixed = 0.5 * stripe_rows[index] + 0.5 * stripes[place]
        stripe_rows[index] = F.normalize(mixed, dim=1)
    for vectors in (stripes.flatten(1), features):  # the local ones first
        for position in (2, 1, 0):
            for anchor, vector in zip(candidates.tolist(), vectors, strict=True):
                j = anchor[position]
                mixture[j] = F.normalize((mixture[j] + vector) / 2, dim=0)
    for found, expected in zip(rows_of(training), (rows, stripe_rows, mixture), strict=True):
        assert torch.allclose(found, expected, atol=1e-6)


class Live(torch.autograd.Function):
    """The code's way: logits now, but the slope from what the memory has become by then."""

    @staticmethod
    def forward(context: Any, vectors: Tensor, memory: list, chosen: Tensor, a: int) -> Tensor:
        context.save_for_backward(vectors)
        context.rest = memory, chosen, a
        return (vectors[:, None] * torch.stack(memory)[chosen]).sum(2)

    @staticmethod
    def backward(context: Any, grad: Tensor) -> Any:
        (vectors,), (memory, chosen, a) = context.saved_tensors, context.rest
        slope = (grad[:, :, None] * torch.stack(memory)[chosen]).sum(1)
        for row, vector in zip(chosen[:, a].tolist(), vectors, strict=True):
            memory[row] = F.normalize((memory[row] + vector) / 2, dim=0)
        return slope, None, None, None


def code_loss(vectors: Tensor, memory: list, chosen: Tensor, weight: float) -> Tensor:
    total = torch.zeros(())
    for a, w in enumerate((0.5, 0.4375, 0.4375)):
        logits = 10 * Live.apply(vectors, memory, chosen, a)
        total = total + weight * w * F.cross_entropy(logits, torch.full((len(logits),), a))
    return total


def test_parity_is_what_autograd_makes_of_updates_inside_the_backward_pass(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, leaves = ready(bench, tiny, monkeypatch, update_in_backward=True)
    chosen = training._candidates(BATCH, *(leaf.detach() for leaf in leaves))
    memory = list(training.mixture.rows.clone())
    copies = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    loss = code_loss(copies[0], memory, chosen, 0.7)  # global first: autograd walks backwards
    loss = loss + code_loss(copies[1].flatten(1), memory, chosen, 0.3)
    loss.backward()
    assert training.step(BATCH)["loss"].item() == pytest.approx(loss.item(), rel=1e-5)
    for leaf, copy in zip(leaves, copies, strict=True):
        assert torch.allclose(leaf.grad, copy.grad, atol=1e-5)
    assert torch.allclose(training.mixture.rows, torch.stack(memory), atol=1e-5)


def test_both_ways_end_with_the_same_memory_and_other_slopes(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    slopes, memories = [], []
    for live in (False, True):
        training, leaves = ready(bench, tiny, monkeypatch)
        training.settings = training.settings.model_copy(update={"update_in_backward": live})
        training.step(BATCH)
        slopes.append(leaves[0].grad)
        memories.append(training.mixture.rows.clone())
    assert torch.allclose(*memories, atol=1e-6)
    assert not torch.allclose(*slopes, atol=1e-3)


def test_the_reported_loss_is_the_weighted_sum_of_both_sides(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny)
    losses = training.step(training.begin_epoch(0)[0])
    assert sorted(losses) == ["global", "local", "loss"]
    assert losses["loss"].item() == pytest.approx(
        losses["global"].item() + losses["local"].item(), rel=1e-6
    )


def test_the_rate_falls_when_it_is_asked_to(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, lr_step_epochs=3)
    rates = []
    for epoch in range(4):
        training.begin_epoch(epoch)
        rates.append(training.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])


def test_the_target_alone_is_trained_on_after_a_source(
    bench: Any, tiny: Tiny, moved: Callable[..., list[str]], weights: Callable[[Any], Any]
) -> None:
    alone, beside = bench.alone_and_beside(scl(tiny, epochs=2), None)
    assert moved(weights(alone.encoder), beside.encoder) == []


@pytest.mark.parametrize("live, done", [(False, 1), (False, 2), (True, 2)])
def test_a_killed_run_ends_with_the_same_bits(
    bench: Any,
    tiny: Tiny,
    live: bool,
    done: int,
    moved: Callable[..., list[str]],
    weights: Callable[[Any], Any],
) -> None:
    whole, resumed = bench.whole_and_resumed(scl(tiny, update_in_backward=live), done)
    assert moved(weights(whole.encoder), resumed.encoder) == []
    assert moved(weights(whole.heads), resumed.heads) == []
    for one, other in zip(rows_of(whole), rows_of(resumed), strict=True):
        assert torch.equal(one, other)


def test_another_seed_gives_another_network(bench: Any, tiny: Tiny) -> None:
    runs = bench.of_seeds(scl(tiny, epochs=1), 0, 0, 1)
    one, same, other = (run.encoder.conv1.weight for run in runs)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, tiny: Tiny, moved: Callable[..., list[str]], weights: Callable[[Any], Any]
) -> None:
    honest, blind = bench.honest_and_blind(scl(tiny))
    assert moved(weights(honest.encoder), blind.encoder) == []


def test_too_few_images_are_refused_before_training(bench: Any, tiny: Tiny) -> None:
    with pytest.raises(UsageError, match=r"warmup\.scl\.positives"):
        make(bench, tiny, positives=25)
    training = make(bench, tiny, positives=24, negatives=500)
    for epoch in range(2):
        losses = training.step(training.begin_epoch(epoch)[0])
        assert np.isfinite([value.item() for value in losses.values()]).all()


def test_the_stage_leaves_an_encoder_and_no_heads(bench: Any, tiny: Tiny) -> None:
    start, state = bench.stage_result(scl(tiny))
    assert not torch.equal(state["conv1.weight"], start["conv1.weight"])
