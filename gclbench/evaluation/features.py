"""Features of a whole picture array: unit rows in the order of its samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from gclbench.errors import ShapeError, TrainingError, UsageError
from gclbench.evaluation.preprocess import to_network

_SHORT = 0.5  # a normalised row has length 1, or next to none


def extract_features(
    encoder: nn.Module,
    images: NDArray[np.uint8],
    batch_size: int,
    device: str | torch.device = "cpu",
    starts: NDArray[np.int64] | None = None,
    *,
    unit: bool = True,
) -> Tensor:
    """Return the test features f / |f| of every sample, in eval mode and without gradients.

    `unit=False` leaves f as it is.

    Shapes    images uint8 (F, H, W, 3), memory-mapped or not -> float32 (N, E) on the CPU. Without
              `starts` N = F; with it (N + 1,), sample i is images starts[i] ... starts[i + 1] - 1,
              and f is the embedding of their mean global average (datasets.md 7).
    Expects   `encoder(batch)` to answer with an object that has `embedding` (B, E), for tracklets
              `pooled` (B, C), which `encoder.embed` embeds; it stays on `device`, and every
              module's train or eval mode is restored afterwards.
    Raises    ShapeError for an empty array or sample, UsageError for batch_size < 1,
              TrainingError when a feature is not finite, or has no direction: a row of zeros has
              no cosine, and any place in a ranking would be made up.
    """
    with evaluating(encoder), torch.no_grad():
        if starts is None:
            rows = list(_outputs(encoder, images, batch_size, device, "embedding"))
        else:
            pooled = _mean_pooled(encoder, images, batch_size, device, starts)
            embed: Any = encoder.embed
            rows = [embed(part.to(device)).float() for part in pooled.split(batch_size)]
        features = torch.cat([(F.normalize(row) if unit else row).cpu() for row in rows])
    return check_features(features, unit=unit)


def extract_pooled(
    encoder: nn.Module,
    images: NDArray[np.uint8],
    batch_size: int,
    device: str | torch.device = "cpu",
    starts: NDArray[np.int64] | None = None,
) -> Tensor:
    """As `extract_features`, of the global average (N, C) in the place of the embedding."""
    known = np.arange(len(images) + 1, dtype=np.int64) if starts is None else starts
    with evaluating(encoder), torch.no_grad():
        pooled = F.normalize(_mean_pooled(encoder, images, batch_size, device, known))
    return check_features(pooled, unit=True)


def _mean_pooled(
    encoder: nn.Module,
    images: NDArray[np.uint8],
    batch_size: int,
    device: str | torch.device,
    starts: NDArray[np.int64],
) -> Tensor:
    """Mean global average of each sample's images, float32 (N, C) on the CPU.

    Images are taken in batches of equal size, wherever a sample ends, so that a long tracklet
    costs no more memory than a short one; sums are float64.
    """
    lengths = torch.from_numpy(np.diff(starts))
    if bool((lengths < 1).any()) or int(starts[0]) != 0 or int(starts[-1]) != len(images):
        raise ShapeError(f"samples do not cover the {len(images)} images, or one has none.")
    owner = torch.arange(len(lengths)).repeat_interleave(lengths)
    sums, done = torch.zeros(0, 0, dtype=torch.float64), 0
    for part in _outputs(encoder, images, batch_size, device, "pooled"):
        if done == 0:
            sums = torch.zeros(len(lengths), part.shape[1], dtype=torch.float64)
        sums.index_add_(0, owner[done : done + len(part)], part.cpu().double())
        done += len(part)
    return (sums / lengths[:, None]).float()


def _outputs(
    encoder: nn.Module,
    images: NDArray[np.uint8],
    batch_size: int,
    device: str | torch.device,
    name: str,
) -> Iterator[Tensor]:
    """What the encoder says of the images, a batch after the other."""
    if batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}, it must be at least 1.")
    if len(images) == 0:
        raise ShapeError("there are no images to encode.")
    for start in range(0, len(images), batch_size):
        batch = to_network(images[start : start + batch_size], device)
        yield getattr(encoder(batch), name).float()


def check_features(features: Tensor, *, unit: bool, whose: str = "the encoder") -> Tensor:
    """Return features (N, E). Raises TrainingError unless they are finite, and `unit` ones long.

    A row shorter than 1e-12 stays short when it is normalised: it has no direction.
    """
    remedy = "Lower the learning rate, or take other weights."
    if not torch.isfinite(features).all():
        raise TrainingError(f"{whose} gives features that are not finite.", remedy)
    short = int((features.norm(dim=1) < _SHORT).sum()) if unit else 0
    if short:
        raise TrainingError(
            f"{whose} gives zeros for {short} of {len(features)} samples: they have no direction.",
            remedy,
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
