"""Log-sum-exp over the entries that a mask admits."""

from __future__ import annotations

from torch import Tensor

from gclbench.errors import ShapeError


def masked_logsumexp(logits: Tensor, mask: Tensor) -> Tensor:
    """Return log sum exp over the last axis where mask is true, -inf for an empty row.

    Shapes    logits (..., N), mask bool of the same shape -> (...).
    Gradient  zero for entries that are not admitted and for empty rows (never NaN).
    """
    if logits.shape != mask.shape:
        raise ShapeError(f"mask has shape {tuple(mask.shape)}, expected {tuple(logits.shape)}.")
    empty = ~mask.any(dim=-1)
    # A row of -inf alone has a NaN gradient: let empty rows sum everything, then overwrite them.
    admitted = logits.masked_fill(~(mask | empty[..., None]), float("-inf"))
    return admitted.logsumexp(dim=-1).masked_fill(empty, float("-inf"))
