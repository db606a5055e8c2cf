"""Crop, rotate and jitter: what MMCL does to its images beside flipping and erasing them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import ShapeError, UsageError

_ATTEMPTS = 10
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class CropRotateJitterParams:
    """box (B, 4) of the crop in pixels: top, left, height, width; angle_deg (B,), anticlockwise;
    factors (B, 3) of brightness, contrast, saturation, and the order (B, 3) they are applied in.
    """

    box: Tensor
    angle_deg: Tensor
    factors: Tensor
    order: Tensor


@dataclass(frozen=True)
class CropRotateJitter:
    """Random crop of an area and shape, small rotation on black, colour jitter.

    Source    mmcl.md 2. Differs: crop and rotation are one bilinear resampling (there two, the
              rotation by nearest pixels); colours are not rounded to bytes in between.
    Units     areas are shares of the image; aspect = height / width of the crop; degrees; a factor
              is drawn from 1 - jitter to 1 + jitter. All uniform between their limits.
    Shapes    images (B, 3, H, W), ImageNet-normalised -> the same.
    Chance    a crop that does not fit is drawn again, ten times at most; then the whole image.
    """

    min_area: float = 0.64
    max_area: float = 1.0
    min_aspect: float = 2.0
    max_aspect: float = 3.0
    max_angle_deg: float = 10.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if not (0 < self.min_area <= self.max_area <= 1 and self.min_aspect > 0):
            raise UsageError("a crop needs 0 < min_area <= max_area <= 1 and min_aspect > 0.")
        if self.max_aspect < self.min_aspect:
            raise UsageError("max_aspect must be at least min_aspect.")
        if not 0 <= self.jitter <= 1 or self.max_angle_deg < 0:
            raise UsageError("jitter must lie between 0 and 1, max_angle_deg be at least 0.")

    def sample(
        self, batch_size: int, rng: torch.Generator, height_px: int, width_px: int
    ) -> CropRotateJitterParams:
        angle = (2 * torch.rand(batch_size, generator=rng) - 1) * self.max_angle_deg
        factors = 1 + (2 * torch.rand(batch_size, 3, generator=rng) - 1) * self.jitter
        order = torch.rand(batch_size, 3, generator=rng).argsort(dim=1)
        box = self._boxes(batch_size, rng, height_px, width_px)
        return CropRotateJitterParams(box, angle, factors, order)

    def apply(self, images: Tensor, params: CropRotateJitterParams) -> Tensor:
        if images.ndim != 4 or images.shape[1] != 3 or len(images) != len(params.box):
            raise ShapeError(
                f"images are {tuple(images.shape)}, expected ({len(params.box)}, 3, H, W)."
            )
        mean, std = _channels(_MEAN, images), _channels(_STD, images)
        pixels = _resampled(images * std + mean, params)
        return (_jittered(pixels, params) - mean) / std

    def _boxes(
        self, batch_size: int, rng: torch.Generator, height_px: int, width_px: int
    ) -> Tensor:
        """Every row draws all its attempts at once: one row's luck never moves another's."""
        draws = torch.rand(batch_size, _ATTEMPTS, 4, generator=rng, dtype=torch.float64)
        boxes = [
            next(
                filter(None, (self._box(draw, height_px, width_px) for draw in attempts)),
                (0, 0, height_px, width_px),
            )
            for attempts in draws.tolist()
        ]
        return torch.tensor(boxes, dtype=torch.int64).reshape(batch_size, 4)

    def _box(
        self, draw: list[float], height_px: int, width_px: int
    ) -> tuple[int, int, int, int] | None:
        area = self.min_area + draw[0] * (self.max_area - self.min_area)
        aspect = self.min_aspect + draw[1] * (self.max_aspect - self.min_aspect)
        tall = round(math.sqrt(area * height_px * width_px * aspect))
        wide = round(math.sqrt(area * height_px * width_px / aspect))
        if not (0 < tall <= height_px and 0 < wide <= width_px):
            return None
        top = int(draw[2] * (height_px - tall + 1))
        left = int(draw[3] * (width_px - wide + 1))
        return top, left, tall, wide


def _resampled(pixels: Tensor, params: CropRotateJitterParams) -> Tensor:
    """Crop, resize to (H, W), turn about the centre; what comes from beyond the crop is black."""
    height, width = pixels.shape[2:]
    angle = torch.deg2rad(params.angle_deg.to(pixels))[:, None, None]
    y = torch.arange(height).to(pixels)[None, :, None] - (height - 1) / 2
    x = torch.arange(width).to(pixels)[None, None, :] - (width - 1) / 2
    # An output pixel looks back: turned by the angle, y pointing down, then as a share of the box.
    down = (x * angle.sin() + y * angle.cos() + height / 2) / height
    right = (x * angle.cos() - y * angle.sin() + width / 2) / width
    top, left, tall, wide = params.box.to(pixels)[:, :, None, None].unbind(dim=1)
    grid = torch.stack(
        [2 * (left + right * wide) / width - 1, 2 * (top + down * tall) / height - 1], dim=-1
    )
    found = F.grid_sample(
        pixels, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    inside = (down >= 0) & (down <= 1) & (right >= 0) & (right <= 1)
    return found * inside[:, None]


def _jittered(pixels: Tensor, params: CropRotateJitterParams) -> Tensor:
    """Brightness, contrast and saturation, each image in its own order; pixels are in 0 ... 1."""
    factors, order = params.factors.to(pixels), params.order.to(pixels.device)
    for which in order.split(1, dim=1):
        gray, place = _gray(pixels), which[:, :, None, None]
        against = torch.where(place == 1, gray.mean((1, 2, 3), keepdim=True), gray)
        against = torch.where(place == 0, torch.zeros_like(gray), against)
        factor = factors.gather(1, which)[:, :, None, None]
        pixels = (factor * pixels + (1 - factor) * against).clamp(0, 1)
    return pixels


def _gray(pixels: Tensor) -> Tensor:
    return (pixels * _channels(_LUMA, pixels)).sum(dim=1, keepdim=True)


def _channels(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)
