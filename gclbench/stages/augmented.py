"""Training images under the usual re-ID augmentations: flip, pad and crop, erasing."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.augmentations.multi import Multi
from gclbench.evaluation.preprocess import to_network

# Multi's own defaults: 10 px of padding, up to 40 % erased.
_AUGMENTATION = Multi()


def augmented(
    images: NDArray[np.uint8], rows: Tensor, generator: torch.Generator, device: torch.device
) -> Tensor:
    """Augmented copies of some rows: images (N, H, W, 3) uint8, rows (B,) -> (B, 3, H, W)."""
    pixels = to_network(images[rows.numpy()]).to(device)
    height_px, width_px = pixels.shape[-2:]
    chance = _AUGMENTATION.sample(len(pixels), generator, height_px, width_px)
    return _AUGMENTATION.apply(pixels, chance)
