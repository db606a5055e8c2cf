"""Multi: the usual re-ID augmentations together, without a generator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from gclbench.augmentations.base import Role, Space
from gclbench.augmentations.multi_parameters import MultiParameters
from gclbench.errors import ShapeError
from gclbench.registry import register

# Black and the mean-as-written of public code, both in the ImageNet-normalised space.
_PAD_COLOUR = (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225)
_ERASE_COLOUR = (0.485, 0.456, 0.406)
_PADDED_AT_PX = 256
_ATTEMPTS = 10


@dataclass(frozen=True)
class MultiParams:
    """flip (B,) bool; pad_px on each side; top, left (B,) of the crop in the padded image;
    box (B, 4) of the erased rectangle: top, left, height, width (height 0: nothing erased)."""

    flip: Tensor
    pad_px: int
    top: Tensor
    left: Tensor
    box: Tensor


@register("augmentations", "multi", revision=1, parameters=MultiParameters)
@dataclass(frozen=True)
class Multi:
    """Multi: random flip, pad and crop, random erasing (no generator; only E_id is trained).

    Source    GCL+ (arXiv 2301.00725), Table 6; erasing: Zhong et al., AAAI 2020. Not stated there
              and chosen here: both probabilities 0.5, pad with black, erase with (0.485, 0.456,
              0.406) written into the normalised image, as public re-ID code does.
    Units     pad_px at a height of 256 px, scaled with the image; area as a share of the image;
              aspect = height / width. Both are drawn uniformly between their limits.
    Shapes    images (B, 3, H, W), ImageNet-normalised -> the same.
    Chance    a rectangle that does not fit is drawn again, ten times at most, then dropped.
    """

    parameters: MultiParameters = field(default_factory=MultiParameters)

    role: ClassVar[Role] = "view"
    space: ClassVar[Space] = "image"
    control: ClassVar[bool] = False

    def sample(
        self, batch_size: int, rng: torch.Generator, height_px: int, width_px: int
    ) -> MultiParams:
        pad = round(self.parameters.pad_px * height_px / _PADDED_AT_PX)
        flip = torch.rand(batch_size, generator=rng) < self.parameters.flip_probability
        top, left = torch.randint(0, 2 * pad + 1, (2, batch_size), generator=rng)
        box = self._boxes(batch_size, rng, height_px, width_px)
        return MultiParams(flip, pad, top, left, box)

    def apply(self, images: Tensor, params: MultiParams) -> Tensor:
        if images.ndim != 4 or images.shape[1] != 3 or len(images) != len(params.flip):
            raise ShapeError(
                f"images are {tuple(images.shape)}, expected ({len(params.flip)}, 3, H, W)."
            )
        height, width = images.shape[2:]
        flip = params.flip.to(images.device)[:, None, None, None]
        flipped = torch.where(flip, images.flip(3), images)
        pad = params.pad_px
        padded = _colour(_PAD_COLOUR, images).repeat(
            len(images), 1, height + 2 * pad, width + 2 * pad
        )
        padded[:, :, pad : pad + height, pad : pad + width] = flipped
        out = torch.empty_like(images)
        boxes = params.box.tolist()
        for b, (top, left) in enumerate(
            zip(params.top.tolist(), params.left.tolist(), strict=True)
        ):
            out[b] = padded[b, :, top : top + height, left : left + width]
            y, x, tall, wide = boxes[b]
            out[b, :, y : y + tall, x : x + wide] = _colour(_ERASE_COLOUR, images)[0]
        return out

    def _boxes(
        self, batch_size: int, rng: torch.Generator, height_px: int, width_px: int
    ) -> Tensor:
        """Every row draws all its attempts at once: one row's luck never moves another's."""
        draws = torch.rand(batch_size, 1 + 4 * _ATTEMPTS, generator=rng, dtype=torch.float64)
        boxes = torch.zeros(batch_size, 4, dtype=torch.int64)
        for b, row in enumerate(draws.tolist()):
            if row[0] >= self.parameters.erase_probability:
                continue
            for a in range(1, len(row), 4):
                box = self._box(row[a : a + 4], height_px, width_px)
                if box is not None:
                    boxes[b] = torch.tensor(box)
                    break
        return boxes

    def _box(
        self, draw: list[float], height_px: int, width_px: int
    ) -> tuple[int, int, int, int] | None:
        limits = self.parameters
        area = limits.min_area + draw[0] * (limits.max_area - limits.min_area)
        aspect = limits.min_aspect + draw[1] * (limits.max_aspect - limits.min_aspect)
        tall = round(math.sqrt(area * height_px * width_px * aspect))
        wide = round(math.sqrt(area * height_px * width_px / aspect))
        if not (0 < tall < height_px and 0 < wide < width_px):
            return None
        top = int(draw[2] * (height_px - tall + 1))
        left = int(draw[3] * (width_px - wide + 1))
        return top, left, tall, wide


def _colour(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)
