"""Stripe heads: every stripe has a layer and a normalisation of its own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gclbench.errors import ShapeError, UsageError
from gclbench.networks.stripe_heads import StripeHeads


def heads(seed: int = 0) -> StripeHeads:
    return StripeHeads(6, 4, 16, torch.Generator().manual_seed(seed))


STRIPES = torch.randn(5, 6, 4, 1, generator=torch.Generator().manual_seed(1))


def test_each_stripe_is_embedded_and_normalised_for_itself() -> None:
    made = heads()
    out = made(STRIPES)
    assert out.shape == (5, 4, 4)
    for part in range(4):
        linear = STRIPES[:, :, part, 0] @ made.linear[part].weight.T + made.linear[part].bias
        normal = (linear - linear.mean(0)) / (linear.var(0, unbiased=False) + 1e-5).sqrt()
        assert torch.allclose(out[:, part], F.normalize(normal, dim=1), atol=1e-5)


def test_a_stripe_does_not_see_the_others() -> None:
    moved = STRIPES.clone()
    moved[:, :, 2] += torch.randn(5, 6, 1, generator=torch.Generator().manual_seed(2))
    made = heads().eval()
    same = (made(STRIPES) == made(moved)).flatten(2).all(2).all(0)
    assert same.tolist() == [True, True, False, True]


def test_the_generator_decides_the_weights() -> None:
    a, b, c = heads(0).state_dict(), heads(0).state_dict(), heads(1).state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["linear.0.weight"], c["linear.0.weight"])
    assert not torch.equal(a["linear.0.weight"], a["linear.1.weight"])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match=r"network\.id_encoder\.parts"):
        StripeHeads(6, 4, 18, torch.Generator())
    with pytest.raises(ShapeError, match=r"\(B, C, 4, 1\)"):
        heads()(STRIPES[:, :, :3])
