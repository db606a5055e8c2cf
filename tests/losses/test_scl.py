"""SCL's loss: the oracle of scl.md 10, a plain loop, and the slope of a single position."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from gclbench.errors import ShapeError, UsageError
from gclbench.losses.scl import position_gradient, position_weights, selective_loss

MEMORY = torch.tensor([(1, 0), (0.8, 0.6), (0.6, 0.8), (0, 1), (-1, 0)], dtype=torch.float64)
FEATURE = normalize(torch.tensor([[0.9, 0.3]], dtype=torch.float64))
WEIGHTS = position_weights(2, 0.5, 1.75)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_weights_of_the_oracle() -> None:
    assert WEIGHTS.tolist() == [0.5, 0.4375, 0.4375]
    assert position_weights(7, 0.3, 1.0).sum().item() == pytest.approx(1)


def test_an_image_without_neighbours_has_the_first_weight_alone() -> None:
    assert position_weights(0, 0.5, 1.75).tolist() == [0.5]


def test_the_loss_of_the_oracle() -> None:
    value = selective_loss(FEATURE, MEMORY[None], WEIGHTS, 0.1)
    assert value.item() == pytest.approx(1.689084, abs=1e-6)


@pytest.mark.parametrize("position, expected", [(0, 0.825953), (1, 0.825953), (2, 2.090864)])
def test_each_positions_cross_entropy_of_the_oracle(position: int, expected: float) -> None:
    alone = torch.eye(3)[position]
    assert selective_loss(FEATURE, MEMORY[None], alone, 0.1).item() == pytest.approx(
        expected, abs=1e-6
    )


def test_the_loss_equals_a_loop_over_anchors_and_positions() -> None:
    features, candidates = drawn(3, 4), drawn(3, 6, 4, seed=1)
    weights, total = [0.2, 0.5, 0.1], 0.0
    for b in range(3):
        powers = [math.exp(float(features[b] @ candidates[b, c]) / 0.7) for c in range(6)]
        total += sum(-w * math.log(powers[a] / sum(powers)) for a, w in enumerate(weights))
    value = selective_loss(features, candidates, torch.tensor(weights), 0.7)
    assert value.item() == pytest.approx(total / 3, rel=1e-6)


def test_a_memory_of_zeros_says_nothing() -> None:
    features = drawn(2, 4).requires_grad_()
    value = selective_loss(features, torch.zeros(2, 5, 4).double(), WEIGHTS, 0.1)
    assert value.item() == pytest.approx(math.log(5) * 1.375)
    value.backward()
    assert features.grad is not None
    assert not features.grad.any()


def test_the_gradient_reaches_the_features_alone() -> None:
    features, candidates = drawn(2, 4).requires_grad_(), drawn(2, 5, 4, seed=1).requires_grad_()
    selective_loss(features, candidates, WEIGHTS, 0.1).backward()
    assert features.grad is not None
    assert candidates.grad is None
    fixed = candidates.detach()
    assert torch.autograd.gradcheck(lambda x: selective_loss(x, fixed, WEIGHTS, 0.5), features)


def test_the_positions_slopes_add_up_to_the_gradient() -> None:
    features, candidates = drawn(2, 4).requires_grad_(), drawn(2, 5, 4, seed=1)
    selective_loss(features, candidates, WEIGHTS, 0.3).backward()
    fixed = features.detach()
    parts = [position_gradient(fixed, candidates, candidates, a, 0.3) for a in range(3)]
    total = sum(float(w) * part for w, part in zip(WEIGHTS, parts, strict=True))
    assert features.grad is not None
    assert torch.allclose(total, features.grad)


def test_the_slope_is_taken_on_the_rows_of_now() -> None:
    features, seen, now = drawn(1, 4), drawn(1, 3, 4, seed=1), drawn(1, 3, 4, seed=2)
    share = torch.softmax(seen[0] @ features[0], dim=0) - torch.tensor([0.0, 1.0, 0.0])
    assert torch.allclose(position_gradient(features, seen, now, 1, 1.0)[0], share @ now[0])


def test_extreme_logits_stay_finite() -> None:
    features = torch.full((1, 4), 1e3).requires_grad_()
    value = selective_loss(features, torch.eye(4)[None] * 1e3, torch.ones(2), 0.01)
    value.backward()
    assert features.grad is not None
    assert value.isfinite()
    assert features.grad.isfinite().all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        selective_loss(drawn(2, 3), drawn(2, 5, 4), WEIGHTS, 0.1)
    with pytest.raises(ShapeError, match="candidates"):
        selective_loss(drawn(2, 4), drawn(5, 4), WEIGHTS, 0.1)
    with pytest.raises(ShapeError, match="3 positives"):
        selective_loss(drawn(2, 4), drawn(2, 2, 4), WEIGHTS, 0.1)
    with pytest.raises(UsageError, match="temperature"):
        selective_loss(drawn(2, 4), drawn(2, 5, 4), WEIGHTS, 0.0)
