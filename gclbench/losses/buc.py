"""BUC's repelled loss (Lin et al., AAAI 2019; specs: buc.md 3.1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import ShapeError, UsageError


def repelled_loss(features: Tensor, table: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Pull each row towards its cluster's row of the table, push it from all others.

    Value     mean over rows of cross-entropy(x V^T / temperature, y); ln C while V is zero.
    Shapes    features (B, D), table (C, D), targets (B,) int64 -> ().
    Expects   rows as they are: nothing is normalised here.
    Gradient  reaches the features, never the table.
    Raises    ShapeError; UsageError for temperature <= 0.
    """
    if not temperature > 0:
        raise UsageError(f"temperature is {temperature}, it must be above 0.")
    if features.ndim != 2 or features.shape[1:] != table.shape[1:]:
        raise ShapeError(
            f"features are {tuple(features.shape)}, the table {tuple(table.shape)}, not (B, D) "
            "and (C, D)."
        )
    return F.cross_entropy(features @ table.detach().T / temperature, targets)
