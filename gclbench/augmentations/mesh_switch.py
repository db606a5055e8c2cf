"""Mesh switch: guide the generator with the mesh of another person of the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gclbench.augmentations.base import PartnerAugmentation, PartnerParams
from gclbench.errors import ShapeError
from gclbench.registry import register


@register("augmentations", "mesh_switch", revision=1)
@dataclass(frozen=True)
class MeshSwitch(PartnerAugmentation):
    """Mesh switch: the gray projection that guides G is another image's, seen from its own view.

    Source GCL+ (arXiv 2301.00725), section 3.1.1 (Remark) and Table 4. The other image is one of
    the batch, because that is what the loader holds; the paper says "random persons".
    """

    guide: ClassVar[str] = "mesh"

    def pick(self, params: PartnerParams) -> tuple[Tensor, Tensor]:
        """Return whose projection each row takes, and at which view: both (B,)."""
        return params.partner, torch.zeros_like(params.partner)

    def apply(self, projections: Tensor, params: PartnerParams) -> Tensor:
        """projections (B, 8, H, W) -> (B, 1, H, W)."""
        if projections.ndim != 4:
            raise ShapeError(f"projections are {tuple(projections.shape)}, not (B, 8, H, W).")
        return self.partners(projections, params)[:, :1]
