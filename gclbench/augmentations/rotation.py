"""Rotation: guide the generator with the person's own mesh, seen from another side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gclbench.augmentations.base import AngleAugmentation, AngleParams, Space
from gclbench.errors import ShapeError
from gclbench.registry import register


@register("augmentations", "rotation", revision=1)
@dataclass(frozen=True)
class Rotation(AngleAugmentation):
    """Rotation: the gray projection that guides G, turned by a random multiple of 45 degrees.

    Source GCL (CVPR 2021), section 3.1; D-08. Chance is drawn once per row of the batch.
    """

    space: ClassVar[Space] = "structure"
    guide: ClassVar[str] = "mesh"
    control: ClassVar[bool] = False

    def pick(self, params: AngleParams) -> tuple[Tensor, Tensor]:
        """Return whose projection each row takes, and at which view: both (B,)."""
        return torch.arange(len(params.index)), params.index

    def apply(self, projections: Tensor, params: AngleParams) -> Tensor:
        """projections (B, 8, H, W) -> (B, 1, H, W)."""
        if projections.ndim != 4:
            raise ShapeError(f"projections are {tuple(projections.shape)}, not (B, 8, H, W).")
        return self.choose(projections, params)[:, None]
