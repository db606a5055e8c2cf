"""F-Mixup: blend embeddings of two images; no image is generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gclbench.augmentations.base import MixAugmentation, Space
from gclbench.registry import register


@register("augmentations", "f_mixup", revision=1)
@dataclass(frozen=True)
class FMixup(MixAugmentation):
    """F-Mixup: blend embeddings of two images; no image is generated.

    Draws and weights: see `MixAugmentation`.
    """

    space: ClassVar[Space] = "embedding"
