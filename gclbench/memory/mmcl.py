"""MMCL's memory: one unit row per training image, zero until the image is first visited."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.memory.bank import _Bank


class MmclMemory(_Bank):
    """Rows (N, D), zero at first: M_i <- normalise(a M_i + (1 - a) f_i), a growing by epoch.

    Source    mmcl.md 3.1: a = momentum * epoch / ramp_epochs, epochs from 0. Differs: a stays at
              `momentum` where training goes on beyond ramp_epochs (there it never does).
    """

    def __init__(self, size: int, dim: int, device: torch.device | str = "cpu") -> None:
        super().__init__(torch.zeros(size, dim, device=device))

    def update(
        self,
        indices: Tensor,
        unit_features: Tensor,
        *,
        epoch: int,
        momentum: float = 0.5,
        ramp_epochs: int = 60,
    ) -> None:
        """Refresh rows `indices` (B,) with unit features (B, D), as if one after the other.

        Call it once a step and after the backward pass: scores, labels and gradients belong to
        the memory as it was before. Raises ShapeError, UsageError.
        """
        weight = momentum * min(epoch / ramp_epochs, 1.0)
        indices, fresh = self._checked(indices, unit_features, weight)
        turns = _occurrence(indices)
        for turn in range(int(turns.max()) + 1 if len(turns) else 0):
            now = turns == turn
            mixed = weight * self._rows[indices[now]] + (1 - weight) * fresh[now]
            self._rows[indices[now]] = F.normalize(mixed, dim=1)


def _occurrence(indices: Tensor) -> Tensor:
    """How often each entry of `indices` (B,) has occurred before it: (B,) int64."""
    ordered, order = indices.sort(stable=True)
    place = torch.arange(len(indices), device=indices.device)
    first = torch.searchsorted(ordered, ordered)
    occurrence = torch.empty_like(place)
    occurrence[order] = place - first
    return occurrence
