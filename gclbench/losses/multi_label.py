"""MMCL: the memory-based multi-label classification loss (Wang and Zhang, CVPR 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from gclbench.errors import ShapeError, UsageError


def multi_label_loss(
    scores: Tensor, positives: Tensor, *, delta: float = 5.0, hard_share: float = 0.01
) -> Tensor:
    """Pull scores of positives to 1 and those of the hardest negatives to -1.

    Value     mean over rows of delta * mean over P of (1 - s)^2 + mean over H of (1 + s)^2; H: the
              int(hard_share * |Q|) highest scores among the row's negatives Q, one at least.
    Source    mmcl.md 4. Differs: one hard negative where the share gives none (|Q| < 100 at 1 %;
              the mean of nothing is NaN there), and no second term for a row without negatives.
    Shapes    scores (B, N) dot products of unit rows, positives bool (B, N), one true entry a row
              at least -> ().
    Gradient  reaches the positives' and the hard negatives' scores.
    Raises    ShapeError; UsageError for a row without a positive, or a wrong delta or share.
    """
    if scores.ndim != 2 or scores.shape != positives.shape or not scores.numel():
        raise ShapeError(
            f"scores are {tuple(scores.shape)} and positives {tuple(positives.shape)}, "
            "not both (B, N)."
        )
    if delta < 0 or not 0 < hard_share <= 1:
        raise UsageError(
            f"delta is {delta} and hard_share {hard_share}.",
            "delta must be at least 0, hard_share above 0 and at most 1.",
        )
    counts = positives.sum(dim=1)
    if bool((counts == 0).any()):
        raise UsageError("an image of the batch has no positive, not even itself.")
    pull = ((1 - scores) ** 2).masked_fill(~positives, 0).sum(dim=1) / counts
    return (delta * pull + _hard_push(scores, positives, hard_share)).mean()


def _hard_push(scores: Tensor, positives: Tensor, hard_share: float) -> Tensor:
    """mean over each row's hard negatives of (1 + s)^2: (B, N) -> (B,), 0 where there are none."""
    negatives = (~positives).sum(dim=1)
    # In float64, so that the share of a whole number is cut as Python cuts it.
    sizes = torch.minimum((hard_share * negatives.double()).long().clamp(min=1), negatives)
    hard = scores.masked_fill(positives, -torch.inf).topk(int(sizes.max()), dim=1).values
    beyond = torch.arange(hard.shape[1], device=scores.device) >= sizes[:, None]
    # -1 is where the parabola lies flat on zero: neither value nor slope.
    return ((1 + hard.masked_fill(beyond, -1)) ** 2).sum(dim=1) / sizes.clamp(min=1)
