from __future__ import annotations

import math

import pytest
import torch

from gclbench.errors import ShapeError
from gclbench.kernels.logits import masked_logsumexp


def test_only_admitted_entries_are_summed():
    logits = torch.tensor([[1.0, 2.0, 300.0], [0.5, -1.0, 2.0]], dtype=torch.float64)
    mask = torch.tensor([[True, True, False], [False, True, True]])
    expected = [math.log(math.e + math.e**2), math.log(math.exp(-1) + math.e**2)]
    assert torch.allclose(masked_logsumexp(logits, mask), torch.tensor(expected).double())


def test_a_row_that_admits_nothing_is_minus_infinity_without_gradient():
    logits = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    value = masked_logsumexp(logits, torch.tensor([[False, False], [True, False]]))
    torch.nn.functional.softplus(value).sum().backward()
    assert value[0] == -math.inf
    assert torch.equal(logits.grad[0], torch.zeros(2))
    assert logits.grad[1, 0] > 0
    assert logits.grad[1, 1] == 0


def test_another_mask_shape_is_an_error():
    with pytest.raises(ShapeError, match="mask"):
        masked_logsumexp(torch.zeros(2, 3), torch.ones(2, 2, dtype=torch.bool))
