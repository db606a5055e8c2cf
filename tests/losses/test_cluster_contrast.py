from __future__ import annotations

import math

import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.losses.cluster_contrast import centre_loss


def test_the_value_by_hand():
    features = torch.tensor([(3.0, 4.0), (0.0, 2.0)]).double()
    centres = torch.tensor([(1.0, 0.0), (0.0, 0.5)]).double()
    value = centre_loss(features, centres, torch.tensor([0, 1]), 0.5)
    # x.c / t: (1.2, 0.8) and (0, 1); the second centre keeps its length of a half.
    first = math.log(math.exp(1.2) + math.exp(0.8)) - 1.2
    second = math.log(1 + math.exp(1)) - 1
    assert float(value) == pytest.approx((first + second) / 2)


def test_it_is_finite_where_the_public_codes_need_an_epsilon():
    value = centre_loss(torch.tensor([[1.0, 0.0]]), torch.eye(2), torch.tensor([1]), 0.001)
    assert float(value) == pytest.approx(1000.0)


def test_the_gradient_reaches_the_features_alone():
    features = torch.tensor([(3.0, 4.0), (1.0, 2.0)], dtype=torch.float64, requires_grad=True)
    centres = torch.eye(2, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 1])
    centre_loss(features, centres, targets, 0.5).backward()
    assert features.grad.abs().sum() > 0
    assert centres.grad is None
    held = centres.detach()
    assert torch.autograd.gradcheck(lambda f: centre_loss(f, held, targets, 0.5), (features,))


def test_moved_rows_change_the_slope_and_not_the_value():
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(4, 3, generator=rng).double().requires_grad_()
    centres, moved = torch.randn(2, 5, 3, generator=rng).double()
    targets = torch.tensor([0, 3, 3, 1])
    loss = centre_loss(features, centres, targets, 0.5, slopes=moved)
    plain = centre_loss(features, centres, targets, 0.5)
    assert loss.item() == pytest.approx(plain.item())
    (slope,) = torch.autograd.grad(loss, features)
    expected = torch.zeros(4, 3).double()
    for i, f in enumerate(features.detach()):
        length, chances = f.norm(), ((f / f.norm()) @ centres.T / 0.5).softmax(0)
        for c in range(5):
            pull = (chances[c] - float(c == targets[i])) / 0.5 / 4
            # d (f.m / |f|) / df = (m - (m.u) u) / |f|, with the moved row m
            u = f / length
            expected[i] += pull * (moved[c] - (moved[c] @ u) * u) / length
    torch.testing.assert_close(slope, expected)
    (unmoved,) = torch.autograd.grad(plain, features)
    assert (unmoved - slope).norm() > 0.1 * slope.norm()


def test_wrong_input_is_an_error():
    with pytest.raises(UsageError, match="temperature"):
        centre_loss(torch.ones(1, 2), torch.eye(2), torch.tensor([0]), 0.0)
    with pytest.raises(ShapeError, match="prototypes"):
        centre_loss(torch.ones(1, 3), torch.eye(2), torch.tensor([0]), 0.1)
