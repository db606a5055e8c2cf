"""Mixup: blend each image with a partner from the same batch (Zhang et al., 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gclbench.augmentations.base import MixAugmentation, Space
from gclbench.registry import register


@register("augmentations", "mixup", revision=1)
@dataclass(frozen=True)
class Mixup(MixAugmentation):
    """Mixup: blend each image with a partner from the same batch (Zhang et al., 2018).

    Draws and weights: see `MixAugmentation`.
    """

    space: ClassVar[Space] = "image"
