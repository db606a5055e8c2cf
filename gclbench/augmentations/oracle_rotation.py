"""Oracle rotation: what Rotation would be if the generator were perfect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gclbench.augmentations.base import AngleAugmentation, AngleParams, Space
from gclbench.errors import ShapeError
from gclbench.registry import register


@register("augmentations", "oracle_rotation", revision=1)
@dataclass(frozen=True)
class OracleRotation(AngleAugmentation):
    """Oracle rotation (control): the same person's true render, turned as by `rotation`.

    Exists on the built-in world only. Under one generator it draws the same angles as `rotation`.
    """

    space: ClassVar[Space] = "oracle"
    control: ClassVar[bool] = True

    def apply(self, views: Tensor, params: AngleParams) -> Tensor:
        """views (B, 8, 3, H, W) -> (B, 3, H, W)."""
        if views.ndim != 5:
            raise ShapeError(f"oracle views are {tuple(views.shape)}, not (B, 8, 3, H, W).")
        return self.choose(views, params)
