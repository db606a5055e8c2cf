"""Training images under the usual re-ID augmentations: flip, pad and crop, erasing."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.augmentations.multi import Multi
from gclbench.errors import UsageError
from gclbench.evaluation.preprocess import to_network
from gclbench.stages.context import StageContext

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


def refuse_tracklets(context: StageContext, method: str) -> None:
    """Raise UsageError where a dataset of the stage holds tracklets: `method` reads images."""
    for dataset in context.datasets.values():
        if dataset.train.starts is not None:
            raise UsageError(
                f"{method} runs on images here, and {dataset.label} holds tracklets.",
                "Choose warmup.method=buc or jvtc.",
            )
