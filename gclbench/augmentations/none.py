"""No augmentation: the view is the image itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gclbench.augmentations.base import Role, Space
from gclbench.registry import register


@dataclass(frozen=True)
class NoParams:
    """Nothing is drawn."""


@register("augmentations", "none", revision=1)
@dataclass(frozen=True)
class NoAugmentation:
    """None (control): the generated view is the image itself, so the losses alone are at work."""

    role: ClassVar[Role] = "view"
    space: ClassVar[Space] = "image"
    control: ClassVar[bool] = True

    def sample(
        self, batch_size: int, rng: torch.Generator, height_px: int, width_px: int
    ) -> NoParams:
        return NoParams()

    def apply(self, images: Tensor, params: NoParams) -> Tensor:
        return images
