"""D-Mixup: blend the identity features of two images and let G draw the person in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gclbench.augmentations.base import MixAugmentation, Space
from gclbench.registry import register


@register("augmentations", "d_mixup", revision=1)
@dataclass(frozen=True)
class DMixup(MixAugmentation):
    """D-Mixup: blend the identity features of two images and let G draw the person in between.

    Draws and weights: see `MixAugmentation`.
    """

    space: ClassVar[Space] = "identity"
