from __future__ import annotations

import math

import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.losses.prototype import PrototypeTerms, l_proto, prototypes

BANK = torch.tensor(
    [(1, 0), (0.8, 0.6), (0, 1), (-0.6, 0.8), (-1, 0), (0, -1)], dtype=torch.float64
)
LABELS = torch.tensor([0, 0, 1, 1, -1, 2])
FEATURES = torch.tensor([(3.0, 1.0), (1.0, 4.0)], dtype=torch.float64)
TARGETS = torch.tensor([0, 1])


def test_prototypes_are_means_that_are_not_normalised():
    expected = torch.tensor([(0.9, 0.3), (-0.3, 0.9), (0.0, -1.0)], dtype=torch.float64)
    assert torch.allclose(prototypes(BANK, LABELS), expected)


def test_values_of_the_oracle():
    p = prototypes(BANK, LABELS)
    each = [
        float(l_proto(PrototypeTerms(FEATURES[b : b + 1], p, TARGETS[b : b + 1]))) for b in (0, 1)
    ]
    assert each == pytest.approx([0.065884, 0.263802], abs=1e-6)
    assert float(l_proto(PrototypeTerms(FEATURES, p, TARGETS))) == pytest.approx(
        0.164843, abs=1e-6
    )
    unit = l_proto(PrototypeTerms(FEATURES, p, TARGETS, unit=True))
    assert float(unit) == pytest.approx(0.581838, abs=1e-6)


def test_prototype_loss_equals_a_loop_over_clusters():
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(3, 4, generator=rng, dtype=torch.float64)
    p = torch.randn(5, 4, generator=rng, dtype=torch.float64)
    losses = []
    for row, target in zip(features, (4, 0, 2), strict=True):
        powers = [math.exp(float(row @ p[c])) for c in range(5)]
        losses.append(-math.log(powers[target] / sum(powers)))
    value = l_proto(PrototypeTerms(features, p, torch.tensor([4, 0, 2])))
    assert float(value) == pytest.approx(sum(losses) / 3)


def test_prototypes_receive_no_gradient():
    features, bank = FEATURES.clone().requires_grad_(), BANK.clone().requires_grad_()
    l_proto(PrototypeTerms(features, prototypes(bank, LABELS), TARGETS)).backward()
    assert features.grad.abs().sum() > 0
    assert bank.grad is None


def test_only_outliers_give_no_prototypes():
    assert prototypes(BANK, torch.full((6,), -1)).shape == (0, 2)


def test_wrong_input_is_an_error():
    with pytest.raises(UsageError, match="gap"):
        prototypes(BANK, torch.tensor([0, 0, 2, 2, 2, 2]))
    with pytest.raises(ShapeError, match="labels"):
        prototypes(BANK, LABELS[:3])
    with pytest.raises(ShapeError, match="prototypes"):
        l_proto(PrototypeTerms(FEATURES, BANK[:, :1], TARGETS))
