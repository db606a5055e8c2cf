"""The negatives of a contrastive loss against a memory bank: value and slope in one go."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gclbench.errors import ShapeError, UsageError


def bank_logsumexp(anchors: Tensor, bank: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Return log sum over the admitted rows of e^(anchor . row / temperature).

    Shapes    anchors (B, D), bank (N, D), mask bool (B, N) -> (B,); -inf where a row of the mask
              admits nothing. Nothing is normalised here.
    Gradient  reaches the anchors, never the bank; zero for an anchor without negatives. It is
              taken together with the value, while the bank is at hand: nothing of the bank is kept
              for the backward pass, so it may be updated in between. No second derivative.
    Cost      the bank is read twice, once for the value and once for the slope.
    Raises    ShapeError naming the axis; UsageError for temperature <= 0.
    """
    if not temperature > 0:
        raise UsageError(f"temperature is {temperature}, it must be above 0.")
    if anchors.ndim != 2 or bank.ndim != 2 or anchors.shape[1] != bank.shape[1]:
        raise ShapeError(
            f"anchors are {tuple(anchors.shape)} and the bank {tuple(bank.shape)}, "
            "not (B, D) and (N, D)."
        )
    if mask.shape != (len(anchors), len(bank)):
        raise ShapeError(f"mask is {tuple(mask.shape)}, expected ({len(anchors)}, {len(bank)}).")
    value: Tensor = _BankLogSumExp.apply(anchors, bank.detach(), mask, temperature)
    return value


class _BankLogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, anchors: Tensor, bank: Tensor, mask: Tensor, temperature: float
    ) -> Tensor:
        weights = (anchors @ bank.T).div_(temperature).masked_fill_(~mask, -torch.inf)
        top = weights.amax(dim=1, keepdim=True)
        top = torch.where(top == -torch.inf, 0, top)  # no negatives: 0 and not NaN below
        weights.sub_(top).exp_()
        total = weights.sum(dim=1, keepdim=True)
        if context.needs_input_grad[0]:
            slope = weights @ bank
            slope /= torch.where(total == 0, 1, total) * temperature
            context.save_for_backward(slope)
        return (total.log() + top)[:, 0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = context.saved_tensors
        return gradient[:, None] * slope, None, None, None
