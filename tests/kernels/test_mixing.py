from __future__ import annotations

import pytest
import torch

from gclbench.errors import ShapeError
from gclbench.kernels.mixing import mix

X = torch.arange(24, dtype=torch.float64).view(3, 2, 4)
PARTNER = torch.tensor([2, 0, 1])


def test_lambda_weighs_the_own_row():
    mixed = mix(X, PARTNER, 0.75)
    for i, j in enumerate([2, 0, 1]):
        assert torch.allclose(mixed[i], 0.75 * X[i] + 0.25 * X[j])


def test_lambda_may_differ_per_row():
    mixed = mix(X, PARTNER, torch.tensor([1.0, 0.0, 0.5]))
    assert torch.equal(mixed[0], X[0])
    assert torch.equal(mixed[1], X[0])
    assert torch.equal(mixed[2], (X[2] + X[1]) / 2)


def test_gradient_reaches_both_partners():
    x = X.clone().requires_grad_()
    mix(x, PARTNER, 0.75)[0].sum().backward()
    assert torch.equal(x.grad[:, 0, 0], torch.tensor([0.75, 0.0, 0.25], dtype=torch.float64))


def test_wrong_lengths_are_errors():
    with pytest.raises(ShapeError, match="partner"):
        mix(X, torch.tensor([0, 1]), 0.5)
    with pytest.raises(ShapeError, match="lam"):
        mix(X, PARTNER, torch.tensor([0.5, 0.5]))
