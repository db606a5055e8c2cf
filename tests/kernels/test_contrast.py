from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.contrast import bank_logsumexp


def random_case(b, n, d, seed, share=0.6, dtype=torch.float64):
    rng = torch.Generator().manual_seed(seed)
    anchors = torch.randn(b, d, generator=rng, dtype=dtype)
    bank = torch.nn.functional.normalize(torch.randn(n, d, generator=rng, dtype=dtype), dim=1)
    mask = torch.rand(b, n, generator=rng) < share
    return anchors, bank, mask


def loop(anchors, bank, mask, temperature):
    """Value and gradient of the sum over anchors, one number at a time."""
    values, slopes = [], []
    for a in range(len(anchors)):
        terms, slope = [], [0.0] * anchors.shape[1]
        for n in range(len(bank)):
            if mask[a, n]:
                dot = sum(float(x) * float(y) for x, y in zip(anchors[a], bank[n], strict=True))
                terms.append((math.exp(dot / temperature), bank[n]))
        total = sum(term for term, _ in terms)
        values.append(math.log(total) if terms else -math.inf)
        for term, row in terms:
            for i in range(len(slope)):
                slope[i] += term / total * float(row[i]) / temperature
        slopes.append(slope)
    return values, slopes


@pytest.mark.parametrize("share", [0.6, 1.0, 0.1])
def test_value_and_gradient_equal_a_loop(share):
    anchors, bank, mask = random_case(4, 13, 5, seed=0, share=share)
    mask[3] = False
    anchors.requires_grad_()
    got = bank_logsumexp(anchors, bank, mask, 0.3)
    finite = torch.isfinite(got)
    got[finite].sum().backward()
    values, slopes = loop(anchors.detach(), bank, mask, 0.3)
    assert got.tolist() == pytest.approx(values)
    expected = torch.tensor(slopes, dtype=torch.float64)
    torch.testing.assert_close(anchors.grad, expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 4), st.integers(0, 99))
def test_any_small_input_equals_the_loop(b, n, d, seed):
    anchors, bank, mask = random_case(b, n, d, seed, share=0.5)
    values, _ = loop(anchors, bank, mask, 0.7)
    assert bank_logsumexp(anchors, bank, mask, 0.7).tolist() == pytest.approx(values)


def test_gradient_by_differences():
    anchors, bank, mask = random_case(3, 8, 4, seed=2)
    mask[:, 0] = True
    anchors.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: bank_logsumexp(a, bank, mask, 0.4), (anchors,))


def test_an_anchor_without_negatives_gets_no_gradient_and_no_nan():
    anchors, bank, mask = random_case(2, 5, 3, seed=3)
    mask[0], mask[1] = False, True
    anchors.requires_grad_()
    value = bank_logsumexp(anchors, bank, mask, 0.1)
    torch.nn.functional.softplus(value).sum().backward()
    assert value[0] == -math.inf
    assert (anchors.grad[0] == 0).all()
    assert torch.isfinite(anchors.grad).all()
    assert (anchors.grad[1] != 0).any()


def test_large_logits_do_not_overflow():
    anchors, bank, mask = random_case(2, 6, 3, seed=4, share=1.0, dtype=torch.float32)
    anchors = (100 * anchors).requires_grad_()
    value = bank_logsumexp(anchors, bank, mask, 0.01)
    value.sum().backward()
    expected = (anchors.detach().double() @ bank.double().T / 0.01).logsumexp(dim=1)
    torch.testing.assert_close(value.detach().double(), expected, rtol=1e-5, atol=1e-3)
    assert torch.isfinite(anchors.grad).all()


def test_nothing_of_the_bank_is_kept_for_the_backward_pass():
    anchors, bank, mask = random_case(2, 6, 3, seed=5)
    anchors.requires_grad_()
    value = bank_logsumexp(anchors, bank, mask, 0.5)
    expected = torch.autograd.grad(value.sum(), anchors, retain_graph=True)[0]
    bank.zero_()
    assert torch.equal(torch.autograd.grad(value.sum(), anchors)[0], expected)


def test_wrong_input_is_an_error():
    anchors, bank, mask = random_case(2, 6, 3, seed=6)
    with pytest.raises(UsageError, match="temperature"):
        bank_logsumexp(anchors, bank, mask, 0.0)
    with pytest.raises(ShapeError, match="mask"):
        bank_logsumexp(anchors, bank, mask[:, 1:], 1.0)
    with pytest.raises(ShapeError, match="anchors"):
        bank_logsumexp(anchors[:, 1:], bank, mask, 1.0)
