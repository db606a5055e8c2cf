"""SCL's contrastive loss: several weighted positives (Pang et al., arXiv 2010.07608; scl.md 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from gclbench.errors import ShapeError, UsageError


def position_weights(positives: int, lambda_t: float, alpha: float) -> Tensor:
    """Return w (1 + positives,): lambda_t for the anchor's own row, the others share the rest.

    w_a = alpha (1 - lambda_t) / positives for a >= 1; with alpha above 1 they sum to more than 1.
    """
    others = alpha * (1 - lambda_t) / max(positives, 1)
    return torch.tensor([lambda_t, *[others] * positives], dtype=torch.float64)


def selective_loss(
    features: Tensor, candidates: Tensor, weights: Tensor, temperature: float
) -> Tensor:
    """L(u) = sum over positions a of w_a times the cross-entropy with target a, batch mean.

    Source    scl.md 4; z_c = u . M_c / temperature over ALL candidates, so that the softmax of one
              positive holds the other positives too.
    Shapes    features (B, D), candidates (B, C, D) the memory rows, of which the first
              len(weights) are the positives, the anchor's own row first -> ().
    Expects   nothing is normalised here: v_g has length 1, v_L is longer (scl.md 2 b).
    Gradient  reaches the features, never the memory.
    Raises    ShapeError naming the shapes; UsageError for temperature <= 0.
    """
    logits = _logits(features, candidates, temperature)
    if not 0 < len(weights) <= logits.shape[1]:
        raise ShapeError(f"{len(weights)} positives do not fit {logits.shape[1]} candidates.")
    chosen = logits.log_softmax(dim=1)[:, : len(weights)]
    return -(chosen @ weights.to(chosen)).mean()


def position_gradient(
    features: Tensor, seen: Tensor, now: Tensor, position: int, temperature: float
) -> Tensor:
    """Return the gradient of one position's cross-entropy (weight 1, batch mean) by `features`.

    The official code writes to the memory while it goes back through the positions: the softmax
    belongs to the rows `seen` by the forward pass, the slope to what stands there `now` (scl.md 2
    d). With both alike it is the plain gradient.

    Shapes    features (B, D), seen and now (B, C, D) -> (B, D).
    """
    slopes = _logits(features, seen, temperature).softmax(dim=1)
    slopes[:, position] -= 1
    return torch.einsum("bc,bcd->bd", slopes, now) / (temperature * len(features))


def _logits(features: Tensor, candidates: Tensor, temperature: float) -> Tensor:
    if not temperature > 0:
        raise UsageError(f"temperature is {temperature}, it must be above 0.")
    count, _, dim = candidates.shape if candidates.ndim == 3 else (-1, -1, -1)
    if features.shape != (count, dim):
        raise ShapeError(
            f"features are {tuple(features.shape)} and candidates {tuple(candidates.shape)}, "
            "not (B, D) and (B, C, D)."
        )
    return torch.einsum("bd,bcd->bc", features, candidates.detach()) / temperature
