"""Features of a whole picture array: unit rows in the order of the array."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from gclbench.errors import ShapeError, TrainingError, UsageError
from gclbench.evaluation.preprocess import to_network


def extract_features(
    encoder: nn.Module,
    images: NDArray[np.uint8],
    batch_size: int,
    device: str | torch.device = "cpu",
) -> Tensor:
    """Return the test features f / |f| of every image, in eval mode and without gradients.

    Shapes    images uint8 (N, H, W, 3), memory-mapped or not -> float32 (N, E) on the CPU.
    Expects   `encoder(batch)` to answer with an object that has `embedding` (B, E); it stays on
              `device`, and every module's train or eval mode is restored afterwards.
    Raises    ShapeError for an empty array, UsageError for batch_size < 1, TrainingError when a
              feature is not finite.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}, it must be at least 1.")
    if len(images) == 0:
        raise ShapeError("there are no images to encode.")
    rows = []
    with evaluating(encoder), torch.no_grad():
        for start in range(0, len(images), batch_size):
            batch = to_network(images[start : start + batch_size], device)
            rows.append(F.normalize(encoder(batch).embedding.float()).cpu())
    features = torch.cat(rows)
    if not torch.isfinite(features).all():
        raise TrainingError(
            "the encoder gives features that are not finite.", "Lower the learning rate."
        )
    return features


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put `module` in eval mode within the block; each part returns to its own mode."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
