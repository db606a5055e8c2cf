"""Convex mixing of a batch with partners from the same batch."""

from __future__ import annotations

import torch
from torch import Tensor

from gclbench.errors import ShapeError


def mix(x: Tensor, partner: Tensor, lam: float | Tensor) -> Tensor:
    """Return lam * x + (1 - lam) * x[partner]: lam weighs each row's own value.

    Source    GCL+ (arXiv 2301.00725), Eq. (4).
    Shapes    x (B, ...) floating point, partner (B,) integer, lam a number or (B,) -> like x.
    Gradient  reaches x through both terms.
    Raises    ShapeError naming the axis.
    """
    if partner.shape != x.shape[:1]:
        raise ShapeError(f"partner has shape {tuple(partner.shape)}, expected ({len(x)},).")
    weight = torch.as_tensor(lam, dtype=x.dtype, device=x.device)
    if weight.ndim and weight.shape != partner.shape:
        raise ShapeError(f"lam has shape {tuple(weight.shape)}, expected () or ({len(x)},).")
    if weight.ndim:
        weight = weight.view(-1, *([1] * (x.ndim - 1)))
    return weight * x + (1 - weight) * x[partner]
