"""The images of a step's samples: one each, or T frames of each tracklet, one after the other.

What a sample has one of (a pseudo label, a memory row, a draw of chance, a mixing partner) it has
once for all of its frames.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gclbench.datasets.base import Dataset
from gclbench.datasets.tracklets import draw_frames


def frames_of(dataset: Dataset, wanted: int) -> int:
    """T: `wanted` where the training samples are tracklets, else 1."""
    return wanted if dataset.train.starts is not None else 1


def rows_of(dataset: Dataset, batch: Tensor, frames: int, draws: torch.Generator) -> Tensor:
    """Rows (B * T,) of the training images that stand for samples `batch` (B,); see `draw_frames`.

    Images (T = 1) are their own rows, and nothing is drawn.
    """
    rows = draw_frames(dataset.train, batch.numpy(), frames, draws)
    return torch.from_numpy(rows.reshape(-1))


def all_rows_of(dataset: Dataset, batch: Tensor) -> tuple[Tensor, Tensor]:
    """All training images of samples `batch` (B,): their rows (F,), and places (F,) in the batch.

    The first frames of all samples come first, then their second ones: a part of the rows shows
    as many samples as it can, which is what BatchNorm wants of it.
    """
    spans = torch.from_numpy(dataset.train.spans)
    first, lengths = spans[batch], spans[batch + 1] - spans[batch]
    places = torch.arange(len(batch)).repeat_interleave(lengths)
    frames = torch.arange(len(places)) - (lengths.cumsum(0) - lengths)[places]
    order = torch.argsort(frames, stable=True)
    return (first[places] + frames)[order], places[order]


def mean_by_place(values: Tensor, places: Tensor) -> Tensor:
    """Average the values (F, ...) of each place 0 ... B - 1 of `places` (F,) -> (B, ...)."""
    known = places.to(values.device)
    return torch.stack(
        [values[known == place].mean(dim=0) for place in range(int(places.max()) + 1)]
    )


def apply_to_frames(augmentation: Any, inputs: Tensor, params: Any, frames: int) -> Tensor:
    """Apply one draw per sample to each of its frames: inputs (B * T, ...) -> (B * T, ...).

    `params` is a draw for B samples. Frame t of all samples is a batch of its own, so that all
    frames of a tracklet turn by one angle, and a partner's frame t meets one's own frame t.
    """
    if frames == 1:
        out: Tensor = augmentation.apply(inputs, params)
        return out
    parts = inputs.unflatten(0, (-1, frames)).unbind(dim=1)
    return torch.stack([augmentation.apply(part, params) for part in parts], dim=1).flatten(0, 1)
