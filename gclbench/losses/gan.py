"""The parts of L_gan: reconstruction, adversarial terms and the R1 penalty (specs: gcl.md 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import ShapeError, UsageError

Form = Literal["lsgan", "nsgan"]


def l1_to_target(value: Tensor, target: Tensor) -> Tensor:
    """Return mean |value - target| over every element; the target receives no gradient (D-04)."""
    if value.shape != target.shape:
        raise ShapeError(f"value is {tuple(value.shape)}, target {tuple(target.shape)}.")
    return (value - target.detach()).abs().mean()


def adversarial_generator(fake: Sequence[Tensor], form: Form = "lsgan") -> Tensor:
    """Return what G pays for one kind of fake: the sum over scales of its distance from 'real'.

    lsgan     2 mean((D - 1)^2), the factor as in the public code (D-01).
    nsgan     mean of BCE(sigmoid(D), 1), the paper's Eq. (3) and (5) in its usable form.
    Shapes    a logit map of any shape per scale -> ().
    """
    _check(form, fake)
    if form == "lsgan":
        return _total([2 * (logits - 1).square().mean() for logits in fake])
    return _total([F.softplus(-logits).mean() for logits in fake])


def adversarial_discriminator(
    real: Sequence[Tensor], fake: Sequence[Tensor], form: Form = "lsgan"
) -> Tensor:
    """Return what D pays for one kind of fake, summed over scales, without R1.

    lsgan     mean(D(fake)^2) + mean((D(real) - 1)^2).
    nsgan     mean BCE(sigmoid(D(fake)), 0) + mean BCE(sigmoid(D(real)), 1).
    Expects   fakes detached by the caller; as many maps for real as for fake.
    """
    _check(form, real, fake)
    if form == "lsgan":
        low = _total([logits.square().mean() for logits in fake])
        return low + _total([(logits - 1).square().mean() for logits in real])
    low = _total([F.softplus(logits).mean() for logits in fake])
    return low + _total([F.softplus(-logits).mean() for logits in real])


def r1_penalty(real: Sequence[Tensor], images: Tensor, form: Form = "lsgan") -> Tensor:
    """Return R1 (Mescheder et al., 2018): sum over scales of mean_b sum_pixels (d sum D_k / dx)^2.

    lsgan     D_k is the logit map.
    nsgan     D_k is its sigmoid, as in the public code: what D holds for the chance of 'real'.
    Shapes    the real images' logit map per scale, images (B, ...) that require grad -> ().
    Graph     is kept, so that D learns from it. The weight (0.01, D-02) is the caller's.
    Raises    UsageError when the images do not require gradients.
    """
    if not images.requires_grad:
        raise UsageError(
            "R1 needs images that require gradients.", "Call images.requires_grad_()."
        )
    _check(form, real)
    penalties = []
    for logits in real:
        judged = logits if form == "lsgan" else logits.sigmoid()
        (slope,) = torch.autograd.grad(judged.sum(), images, create_graph=True)
        penalties.append(slope.square().flatten(1).sum(dim=1).mean())
    return _total(penalties)


def _total(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).sum()


def _check(form: str, *maps: Sequence[Tensor]) -> None:
    if form not in ("lsgan", "nsgan"):
        raise UsageError(f"the adversarial form is '{form}'.", "Allowed: lsgan, nsgan.")
    if len({len(scales) for scales in maps}) != 1 or not maps[0]:
        raise ShapeError("real and fake need the same number of scales, at least one.")
