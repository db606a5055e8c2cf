"""Patch gray: a rectangle of the image loses its colour and keeps its structure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gclbench.augmentations.base import Role, Space
from gclbench.errors import ShapeError, UsageError
from gclbench.registry import register

# Images come normalised with these, and luma is defined on the colours before that.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class PatchParams:
    """box (B, 4) int64: top, left, height, width of the gray rectangle (height 0: none)."""

    box: Tensor


@register("augmentations", "patch_gray", revision=1)
@dataclass(frozen=True)
class PatchGray:
    """Patch gray: a random rectangle is replaced by its luma, so that colour alone cannot decide.

    Source    the idea of local grayscale transformation in re-ID (Gong et al., arXiv 2101.08533);
              limits and probability are ours.
    Units     area as a share of the image; aspect = height / width. Area is drawn uniformly,
              aspect uniformly in its logarithm; a side longer than the image's is cut.
    Shapes    images (B, 3, H, W), ImageNet-normalised -> the same. Luma is 0.299 R + 0.587 G +
              0.114 B of the colours in 0-1, written back normalised.
    Raises    UsageError for limits that make no rectangle, ShapeError for other images.
    """

    probability: float = 0.7
    min_area: float = 0.1
    max_area: float = 0.5
    min_aspect: float = 0.5
    max_aspect: float = 3.0

    role: ClassVar[Role] = "view"
    space: ClassVar[Space] = "image"
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise UsageError(f"probability is {self.probability}.", "It lies between 0 and 1.")
        areas = 0 < self.min_area <= self.max_area <= 1
        if not (areas and 0 < self.min_aspect <= self.max_aspect):
            raise UsageError(
                "these limits make no rectangle.",
                "Keep 0 < min_area <= max_area <= 1 and 0 < min_aspect <= max_aspect.",
            )

    def sample(
        self, batch_size: int, rng: torch.Generator, height_px: int, width_px: int
    ) -> PatchParams:
        # Always five draws a row: one row's luck never moves another's.
        draws = torch.rand(batch_size, 5, generator=rng, dtype=torch.float64).tolist()
        boxes = [self._box(row, height_px, width_px) for row in draws]
        return PatchParams(torch.tensor(boxes, dtype=torch.int64).reshape(batch_size, 4))

    def apply(self, images: Tensor, params: PatchParams) -> Tensor:
        if images.ndim != 4 or images.shape[1] != 3 or len(images) != len(params.box):
            raise ShapeError(
                f"images are {tuple(images.shape)}, expected ({len(params.box)}, 3, H, W)."
            )
        inside = _inside(params.box.to(images.device), *images.shape[2:])
        return torch.where(inside[:, None], _gray(images), images)

    def _box(self, draw: list[float], height_px: int, width_px: int) -> tuple[int, int, int, int]:
        if draw[0] >= self.probability:
            return 0, 0, 0, 0
        area = self.min_area + draw[1] * (self.max_area - self.min_area)
        low, high = math.log(self.min_aspect), math.log(self.max_aspect)
        aspect = math.exp(low + draw[2] * (high - low))
        pixels = area * height_px * width_px
        tall = min(max(round(math.sqrt(pixels * aspect)), 1), height_px)
        wide = min(max(round(math.sqrt(pixels / aspect)), 1), width_px)
        top = int(draw[3] * (height_px - tall + 1))
        left = int(draw[4] * (width_px - wide + 1))
        return top, left, tall, wide


def _inside(box: Tensor, height_px: int, width_px: int) -> Tensor:
    """box (B, 4) -> bool (B, H, W), true inside of each row's rectangle."""
    top, left, tall, wide = (side[:, None] for side in box.unbind(1))
    y = torch.arange(height_px, device=box.device)
    x = torch.arange(width_px, device=box.device)
    rows, columns = (y >= top) & (y < top + tall), (x >= left) & (x < left + wide)
    return rows[:, :, None] & columns[:, None, :]


def _gray(images: Tensor) -> Tensor:
    """The luma of normalised images (B, 3, H, W), normalised again for each channel."""
    mean, std, weights = (
        torch.tensor(values, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
        for values in (_MEAN, _STD, _LUMA)
    )
    luma = ((images * std + mean) * weights).sum(dim=1, keepdim=True)
    return (luma - mean) / std
