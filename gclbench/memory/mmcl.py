"""MMCL's memory: one unit row per training image, zero until the image is first visited."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.memory.bank import _Bank, turns


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
        for turn in turns(indices):
            chosen = indices[turn]
            mixed = weight * self._rows[chosen] + (1 - weight) * fresh[turn]
            self._rows[chosen] = F.normalize(mixed, dim=1)
