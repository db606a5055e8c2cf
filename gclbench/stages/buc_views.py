"""BUC's training views: a crop of random area, scaled up again, and a flip; each frame its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_ATTEMPTS = 10


@dataclass(frozen=True)
class CropParams:
    """box (B, 4): top, left, height, width of each crop in pixels; flip (B,) bool."""

    box: Tensor
    flip: Tensor


@dataclass(frozen=True)
class CropAndFlip:
    """Random-area crop, bilinear to the old size, and a horizontal flip (buc.md 2).

    Area as a share of the image, aspect = height / width, both uniform between their limits. A
    crop that does not fit is drawn again, ten times at most, then the whole image is taken.
    """

    min_area: float = 0.64
    min_aspect: float = 2.0
    max_aspect: float = 3.0
    flip_probability: float = 0.5

    def sample(
        self, count: int, rng: torch.Generator, height_px: int, width_px: int
    ) -> CropParams:
        """Every image draws all its attempts at once: one's luck never moves another's."""
        draws = torch.rand(count, 1 + 4 * _ATTEMPTS, generator=rng, dtype=torch.float64)
        area, aspect, down, right = draws[:, 1:].unflatten(1, (_ATTEMPTS, 4)).unbind(dim=2)
        area = (self.min_area + area * (1 - self.min_area)) * height_px * width_px
        aspect = self.min_aspect + aspect * (self.max_aspect - self.min_aspect)
        tall, wide = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
        top, left = (
            (down * (height_px - tall + 1)).floor(),
            (right * (width_px - wide + 1)).floor(),
        )
        boxes = torch.stack([top, left, tall, wide], dim=2).long()
        fits = (tall <= height_px) & (wide <= width_px)
        chosen = boxes[torch.arange(count), fits.to(torch.int8).argmax(dim=1)]
        whole = torch.tensor([0, 0, height_px, width_px])
        box = torch.where(fits.any(dim=1, keepdim=True), chosen, whole)
        return CropParams(box, draws[:, 0] < self.flip_probability)

    def apply(self, images: Tensor, params: CropParams) -> Tensor:
        """images (B, 3, H, W) -> the same; pixels beyond a crop's edge serve at the edge."""
        height, width = images.shape[2:]
        top, left, tall, wide = params.box.double().unbind(dim=1)
        sign = torch.where(params.flip, -1.0, 1.0).double()
        theta = torch.zeros(len(images), 2, 3, dtype=torch.float64)
        theta[:, 0, 0], theta[:, 0, 2] = sign * wide / width, (2 * left + wide) / width - 1
        theta[:, 1, 1], theta[:, 1, 2] = tall / height, (2 * top + tall) / height - 1
        grid = F.affine_grid(
            theta.to(images.device, images.dtype), list(images.shape), align_corners=False
        )
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
