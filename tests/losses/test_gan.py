from __future__ import annotations

import math

import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.losses.gan import (
    adversarial_discriminator,
    adversarial_generator,
    l1_to_target,
    r1_penalty,
)

FAKE = [torch.tensor([0.2, -0.1, 0.4, 0.3]), torch.tensor([0.5])]
REAL = [torch.tensor([0.9, 1.1, 0.7, 0.8]), torch.tensor([0.6])]


def test_lsgan_values_of_the_oracle():
    assert float(adversarial_discriminator(REAL, FAKE)) == pytest.approx(0.5225)
    assert float(adversarial_generator(FAKE)) == pytest.approx(1.85)


def test_nsgan_equals_a_loop_over_logits():
    def sigmoid(x):
        return 1 / (1 + math.exp(-x))

    def mean(values):
        return sum(values) / len(values)

    generator = sum(mean([-math.log(sigmoid(x)) for x in m.tolist()]) for m in FAKE)
    fooled = sum(mean([-math.log(1 - sigmoid(x)) for x in m.tolist()]) for m in FAKE)
    seen = sum(mean([-math.log(sigmoid(x)) for x in m.tolist()]) for m in REAL)
    assert float(adversarial_generator(FAKE, "nsgan")) == pytest.approx(generator, abs=1e-6)
    assert float(adversarial_discriminator(REAL, FAKE, "nsgan")) == pytest.approx(
        fooled + seen, abs=1e-6
    )


def test_l1_sends_gradient_to_the_first_argument_only():
    a = torch.tensor([1.0, -2.0, 5.0, 0.0], requires_grad=True)
    b = torch.tensor([2.0, -1.0, 1.0, 0.5], requires_grad=True)
    value = l1_to_target(a, b)
    value.backward()
    assert value.item() == pytest.approx((1 + 1 + 4 + 0.5) / 4)
    assert torch.equal(a.grad, torch.tensor([-1.0, -1.0, 1.0, -1.0]) / 4)
    assert b.grad is None


def test_r1_equals_the_squared_slope_of_a_linear_critic():
    weights = torch.tensor([1.0, -2.0, 3.0])
    images = torch.ones(5, 3, requires_grad=True)
    value = r1_penalty([images @ weights, 0.5 * (images @ weights)], images)
    assert float(value) == pytest.approx(14 + 14 / 4)


def test_r1_of_nsgan_is_the_slope_of_the_sigmoid():
    weights, rows = torch.tensor([1.0, -2.0, 3.0]), torch.tensor([[0.1, 0.2, 0.3], [1.0, 1.0, 0]])
    images = rows.clone().requires_grad_()
    value = r1_penalty([images @ weights, 0.5 * (images @ weights)], images, "nsgan")
    expected = 0.0
    for scale in (1.0, 0.5):
        for row in rows.tolist():
            x = scale * sum(w * r for w, r in zip(weights.tolist(), row, strict=True))
            chance = 1 / (1 + math.exp(-x))
            slope = scale * chance * (1 - chance)
            expected += slope**2 * 14 / len(rows)
    assert value.item() == pytest.approx(expected, rel=1e-6)
    assert value.item() < r1_penalty([images @ weights], images).item() / 16


def test_r1_teaches_the_critic():
    images = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)).double()
    images.requires_grad_()
    weights = torch.full((3, 4), 0.3, dtype=torch.float64, requires_grad=True)

    def penalty(w):
        return r1_penalty([((images * w) ** 2).sum(dim=(1, 2))], images)

    assert torch.autograd.gradcheck(penalty, (weights,))


def test_wrong_input_is_an_error():
    with pytest.raises(UsageError, match="lsgan, nsgan"):
        adversarial_generator(FAKE, "wgan")
    with pytest.raises(ShapeError, match="scales"):
        adversarial_discriminator(REAL, FAKE[:1])
    with pytest.raises(ShapeError, match="target"):
        l1_to_target(torch.zeros(2), torch.zeros(3))
    with pytest.raises(UsageError, match="R1"):
        r1_penalty(REAL, torch.zeros(1))
