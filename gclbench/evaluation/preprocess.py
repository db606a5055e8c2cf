"""Between pictures in memory (uint8) and what the networks eat (normalised float32)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import ShapeError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def to_network(images: NDArray[np.uint8] | Tensor, device: str | torch.device = "cpu") -> Tensor:
    """(v / 255 - mean) / std per RGB channel, ImageNet's mean and std.

    Shapes    uint8 (B, H, W, 3) -> float32 (B, 3, H, W), channels-last in memory.
    Raises    ShapeError for another shape or type.
    """
    pixels = _pixels(images, device)
    if pixels.dim() != 4 or pixels.shape[3] != 3:
        raise ShapeError(f"images have shape {tuple(pixels.shape)}, expected (B, H, W, 3).")
    # A whole line of pixels at a time: broadcasting over three colours takes ten times as long.
    shift, factor = _line(pixels.shape[2], pixels.device)
    floats = torch.addcmul(shift, pixels.float().flatten(2), factor)
    return floats.view(pixels.shape).permute(0, 3, 1, 2)


@cache
def _line(width_px: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """-mean / std and 1 / (255 std) for each number of a line of pixels: both (3 W,)."""
    mean = torch.tensor(IMAGENET_MEAN, device=device)
    std = torch.tensor(IMAGENET_STD, device=device)
    return (-mean / std).repeat(width_px), (1 / (255 * std)).repeat(width_px)


def structure_to_network(
    projections: NDArray[np.uint8] | Tensor, device: str | torch.device = "cpu"
) -> Tensor:
    """(v / 255 - 0.5) / 0.5.

    Shapes    uint8 (B, H, W) -> float32 (B, 1, H, W); (B, A, H, W) with A angles keeps its shape.
    Raises    ShapeError for another shape or type.
    """
    pixels = _pixels(projections, device)
    if pixels.dim() not in (3, 4):
        raise ShapeError(
            f"projections have shape {tuple(pixels.shape)}, expected (B, H, W) or (B, A, H, W)."
        )
    floats = pixels.float().mul_(2 / 255).sub_(1)
    return floats[:, None] if floats.dim() == 3 else floats


def from_network(images: Tensor) -> NDArray[np.uint8]:
    """Undo `to_network`, clamped and rounded: float (B, 3, H, W) -> uint8 (B, H, W, 3)."""
    if images.dim() != 4 or images.shape[1] != 3:
        raise ShapeError(f"images have shape {tuple(images.shape)}, expected (B, 3, H, W).")
    pixels = images.detach().float().cpu().permute(0, 2, 3, 1)
    pixels = (pixels * torch.tensor(IMAGENET_STD) + torch.tensor(IMAGENET_MEAN)) * 255
    result: NDArray[np.uint8] = pixels.round().clamp(0, 255).to(torch.uint8).contiguous().numpy()
    return result


def _pixels(values: Any, device: str | torch.device) -> Tensor:
    if not isinstance(values, Tensor):
        # Torch wants to own what it reads; rows taken from a memory map are a copy already.
        values = torch.from_numpy(values if values.flags.writeable else np.array(values))
    if values.dtype != torch.uint8:
        raise ShapeError(f"pixels are {values.dtype}, expected uint8.")
    return values.to(device)
