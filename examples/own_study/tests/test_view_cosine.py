"""The loss against a plain loop, its limits, and where its gradient goes."""

from __future__ import annotations

import math

import pytest
import torch
from own_study.view_cosine import view_cosine
from torch import Tensor

from gclbench.losses.view_invariance import ViewTerms


def terms(view: Tensor, generated: Tensor) -> ViewTerms:
    unread = torch.full_like(view, math.nan)
    return ViewTerms(view, generated, unread, unread, unread[:, 0], temperature=0.1)


def test_it_equals_a_loop_over_rows() -> None:
    view, twin = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0)).double()
    rows = []
    for f, g in zip(view.tolist(), twin.tolist(), strict=True):
        dot = sum(a * b for a, b in zip(f, g, strict=True))
        rows.append(1 - dot / (math.hypot(*f) * math.hypot(*g)))
    assert view_cosine(terms(view, twin)).item() == pytest.approx(sum(rows) / 5)


def test_it_is_zero_for_equal_directions_and_two_for_opposite_ones() -> None:
    view = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    assert view_cosine(terms(view, 7 * view)).item() == pytest.approx(0, abs=1e-6)
    assert view_cosine(terms(view, -0.1 * view)).item() == pytest.approx(2, abs=1e-6)


def test_its_gradient_reaches_the_twin_and_never_the_view() -> None:
    view, twin = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(2)).double()
    view.requires_grad_(True)
    twin.requires_grad_(True)
    view_cosine(terms(view, twin)).backward()
    assert view.grad is None
    assert torch.autograd.gradcheck(lambda g: view_cosine(terms(view.detach(), g)), (twin,))
