"""Tracklets as samples: which of a tracklet's frames are kept, and which a training step sees."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.base import ImageTable
from gclbench.errors import UsageError

if TYPE_CHECKING:
    import torch

Ints = NDArray[np.int64]


def draw_frames(table: ImageTable, samples: Ints, frames: int, generator: torch.Generator) -> Ints:
    """Return the rows (B, T) of `Dataset.images` that stand for `samples` (B,) in one step.

    Tracklets: T = `frames` at random without replacement (with, where there are fewer), in
    temporal order. Images: T = 1, nothing is drawn. Raises UsageError for frames < 1.
    """
    import torch  # a plan reads this module for the frames that are kept

    if frames < 1:
        raise UsageError(f"{frames} frames of a tracklet were asked for; at least 1.")
    if table.starts is None:
        return samples[:, None]
    spans = table.spans
    rows = np.empty((len(samples), frames), dtype=np.int64)
    for place, sample in enumerate(samples):
        first, length = int(spans[sample]), int(spans[sample + 1] - spans[sample])
        if length >= frames:
            drawn = torch.randperm(length, generator=generator)[:frames]
        else:
            drawn = torch.randint(length, (frames,), generator=generator)
        rows[place] = first + np.sort(drawn.numpy())
    return rows


def thinned(table: ImageTable, frames: int) -> ImageTable:
    """Return the table with at most `frames` evenly spaced images of each tracklet; 0 keeps all.

    Frame j of n kept ones lies in the middle of the j-th of n equal parts of the tracklet.
    """
    if frames == 0 or table.starts is None:
        return table
    spans = table.spans
    kept, starts = [], [0]
    for first, end in pairwise(spans):
        count = min(int(end - first), frames)
        places = (np.arange(count) + 0.5) * int(end - first) / count
        kept.append(first + np.floor(places).astype(np.int64))
        starts.append(starts[-1] + count)
    paths = tuple(table.paths[row] for rows in kept for row in rows)
    return replace(table, paths=paths, starts=np.array(starts, dtype=np.int64))


def image_rows(table: ImageTable, samples: Ints) -> Ints:
    """Return the rows of `Dataset.images` that hold all images of `samples`, in their order."""
    if table.starts is None:
        return samples
    spans = table.spans
    rows = [np.arange(spans[sample], spans[sample + 1]) for sample in samples]
    return np.concatenate([np.zeros(0, dtype=np.int64), *rows])


def by_image(table: ImageTable) -> ImageTable:
    """Return the table with a row for every image, so that it goes with `Dataset.images`.

    Images keep what their tracklet has; their frames count on from its first one.
    """
    if table.starts is None:
        return table
    lengths = np.diff(table.starts)
    places = np.arange(len(table.paths)) - np.repeat(table.starts[:-1], lengths)
    return replace(
        table,
        pids=np.repeat(table.pids, lengths),
        cams=np.repeat(table.cams, lengths),
        frames=np.repeat(table.frames, lengths) + places,
        starts=None,
    )


def chosen(table: ImageTable, samples: Ints) -> ImageTable:
    """Return the table of `samples` alone, in their order."""
    starts = None
    if table.starts is not None:
        lengths = np.diff(table.spans)[samples]
        starts = np.cumsum([0, *lengths], dtype=np.int64)
    return replace(
        table,
        paths=tuple(table.paths[row] for row in image_rows(table, samples)),
        pids=table.pids[samples],
        cams=table.cams[samples],
        frames=table.frames[samples],
        starts=starts,
    )
