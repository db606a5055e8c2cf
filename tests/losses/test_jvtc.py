from __future__ import annotations

import math

import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.losses.jvtc import global_loss, local_loss


def rows(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_local_loss_of_separate_groups():
    value = local_loss(rows((1, 0), (1, 0), (0, 1), (0, 1)), 2, 0.1)
    assert float(value) == pytest.approx(math.log(1 + math.exp(-10)), rel=1e-6)


def test_local_loss_of_a_spread_group():
    value = local_loss(rows((1, 0), (0.6, 0.8), (0, 1), (0, 1)), 2, 0.1)
    assert float(value) == pytest.approx(0.08416, abs=1e-5)


def test_local_means_are_of_raw_rows():
    long = local_loss(rows((10, 0), (0.6, 0.8), (0, 1), (0, 1)), 2, 0.1)
    mean = rows((10.6, 0.8))[0] / math.hypot(10.6, 0.8)
    a, b = float(mean[0]), float(mean[1])
    losses = []
    for (x, y), target in (((1, 0), 0), ((0.6, 0.8), 0), ((0, 1), 1), ((0, 1), 1)):
        powers = [math.exp((x * a + y * b) / 0.1), math.exp(y / 0.1)]
        losses.append(-math.log(powers[target] / sum(powers)))
    assert float(long) == pytest.approx(sum(losses) / 4)


def test_global_loss_splits_the_target_among_the_class():
    value = global_loss(
        rows((1, 0, 0)), 1, torch.eye(3).double(), torch.tensor([0, 0, 1]), torch.tensor([0]), 0.05
    )
    assert float(value) == pytest.approx(10.0, abs=1e-6)


def test_global_loss_equals_a_loop_over_bank_rows():
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(6, 4, generator=rng, dtype=torch.float64)
    bank = torch.rand(9, 4, generator=rng, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 1, 3, 0, 2, 4])
    indices = torch.tensor([3, 5, 7])
    losses = []
    for b in range(6):
        unit = features[b] / features[b].norm()
        logits = [float(unit @ bank[j]) / 0.2 for j in range(9)]
        total = math.log(sum(math.exp(v) for v in logits))
        own = [logits[j] for j in range(9) if labels[j] == labels[indices[b // 2]]]
        losses.append(-sum(v - total for v in own) / len(own))
    value = global_loss(features, 2, bank, labels, indices, 0.2)
    assert float(value) == pytest.approx(sum(losses) / 6)


def test_the_bank_receives_no_gradient():
    features = rows((1, 2), (2, 1)).requires_grad_()
    bank = rows((1, 0), (0, 1)).requires_grad_()
    global_loss(features, 1, bank, torch.tensor([0, 1]), torch.tensor([0, 1]), 0.1).backward()
    assert features.grad.abs().sum() > 0
    assert bank.grad is None


def test_gradients_agree_with_finite_differences():
    features = rows((3, 1), (1, 1), (-1, 2), (0.3, 1)).requires_grad_()
    bank, labels = rows((1, 0), (0.2, 0.5), (0, 1)), torch.tensor([0, 1, 0])
    assert torch.autograd.gradcheck(lambda f: local_loss(f, 2, 0.5), (features,))
    assert torch.autograd.gradcheck(
        lambda f: global_loss(f, 2, bank, labels, torch.tensor([2, 1]), 0.5), (features,)
    )


def test_wrong_input_is_an_error():
    with pytest.raises(ShapeError, match="M\\*2"):
        local_loss(torch.ones(3, 2), 2, 0.1)
    with pytest.raises(UsageError, match="temperature"):
        local_loss(torch.ones(4, 2), 2, 0)
    with pytest.raises(ShapeError, match="indices"):
        global_loss(
            torch.ones(4, 2), 2, torch.ones(3, 2), torch.zeros(3).long(), torch.tensor([0]), 1
        )
    with pytest.raises(UsageError, match="-1"):
        global_loss(
            torch.ones(2, 2), 2, torch.ones(1, 2), torch.tensor([-1]), torch.tensor([0]), 1
        )
