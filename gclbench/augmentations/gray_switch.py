"""2D gray image switch: guide the generator with the gray image of another person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gclbench.augmentations.base import PartnerAugmentation, PartnerParams
from gclbench.errors import ShapeError
from gclbench.registry import register


@register("augmentations", "gray_switch", revision=1)
@dataclass(frozen=True)
class GraySwitch(PartnerAugmentation):
    """2D gray image switch: structure is the gray image itself, s_new that of another image.

    Source DG-Net (CVPR 2019), as GCL+ (arXiv 2301.00725) compares with it in section 3.1.1 and
    Table 4; no mesh is used. Gray is the mean of the normalised colour channels. The other image
    is one of the batch (see `mesh_switch`).
    """

    guide: ClassVar[str] = "gray"

    def apply(self, gray: Tensor, params: PartnerParams) -> Tensor:
        """gray (B, 1, H, W) -> (B, 1, H, W)."""
        if gray.ndim != 4:
            raise ShapeError(f"gray images are {tuple(gray.shape)}, not (B, 1, H, W).")
        return self.partners(gray, params)[:, :1]
