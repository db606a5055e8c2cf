"""The loss against a plain loop at other parameters, where it stops, and its gradient."""

from __future__ import annotations

import math

import pytest
import torch
from own_study.view_hinge import ViewHingeParameters, view_hinge
from torch import Tensor

from gclbench.losses.view_invariance import ViewTerms
from gclbench.registry import REGISTRY, Entry
from gclbench.testing.parameters import ParametersContract, made


class TestParameters(ParametersContract):
    @pytest.fixture
    def entry(self) -> Entry:
        return REGISTRY.lookup("losses", "view_hinge")


def terms(view: Tensor, generated: Tensor) -> ViewTerms:
    unread = torch.full_like(view, math.nan)
    return ViewTerms(view, generated, unread, unread, unread[:, 0], temperature=0.1)


@pytest.mark.parametrize("cosine, power", [(0.8, 1), (0.2, 2)])
def test_it_equals_a_loop_over_rows(cosine: float, power: int) -> None:
    view, twin = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0)).double()
    twin[0] = 3 * view[0]  # close enough at any cosine
    rows = []
    for f, g in zip(view.tolist(), twin.tolist(), strict=True):
        dot = sum(a * b for a, b in zip(f, g, strict=True))
        rows.append(max(0.0, cosine - dot / (math.hypot(*f) * math.hypot(*g))) ** power)
    loss = made("losses", "view_hinge", cosine=cosine, power=power)
    assert loss(terms(view, twin)).item() == pytest.approx(sum(rows) / 5)
    assert rows[0] == 0
    assert max(rows) > 0


def test_pairs_that_are_close_enough_pull_no_more() -> None:
    view = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    twin = (2 * view).requires_grad_(True)
    loss = view_hinge(terms(view, twin), parameters=ViewHingeParameters())
    loss.backward()
    assert loss.item() == 0
    assert twin.grad is not None
    assert not twin.grad.any()


def test_its_gradient_reaches_the_twin_and_never_the_view() -> None:
    view, twin = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(2)).double()
    view.requires_grad_(True)
    twin.requires_grad_(True)
    smooth = made("losses", "view_hinge", cosine=1, power=2)
    smooth(terms(view, twin)).backward()
    assert view.grad is None
    assert torch.autograd.gradcheck(lambda g: smooth(terms(view.detach(), g)), (twin,))
