"""The data before any training: people, meshes and, on the built-in world, true renders."""

from __future__ import annotations

import numpy as np

from gclbench.datasets.base import Dataset
from gclbench.datasets.load import load_dataset
from gclbench.datasets.tracklets import by_image
from gclbench.reporting.grid import ImageGrid
from gclbench.runtime.figures.people import spaced_people
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.figures.trained import gray
from gclbench.study.opened import OpenStudy

PEOPLE, VIEWS = 6, 8


def world_grids(opened: OpenStudy, choice: Choice) -> list[ImageGrid]:
    """One grid for each dataset that the study's tasks name: people, meshes, true renders.

    Real data has no true renders, and meshes only where `data.mesh` says where they are.
    """
    roles = sorted({cell.task.target for cell in opened.cells})
    settings = opened.cells[0].settings
    cache = opened.question.home / "cache"
    return [world_grid(load_dataset(role, settings.data, cache)) for role in roles]


def world_grid(dataset: Dataset) -> ImageGrid:
    pids = by_image(dataset.train).pids
    chosen = spaced_people(pids, PEOPLE)
    images = dataset.images("train")
    walks = np.stack([images[_images_of(pids, index)] for index in chosen])
    blocks = [walks, gray(dataset.projections()[chosen])]
    headings = ["training images, camera by camera", *[""] * 7]
    headings += ["projections of the first one's mesh, 0 ... 315 degrees", *[""] * 7]
    if dataset.synthetic:
        blocks.append(dataset.oracle_views()[chosen])
        headings += ["true renders from the same views", *[""] * 7]
    return ImageGrid(
        np.concatenate(blocks, axis=1), tuple(headings), dataset.label, data=dataset.label
    )


def _images_of(pids: np.ndarray, index: int) -> np.ndarray:
    """Eight evenly spaced images of the person on image `index` (sorted by camera)."""
    own = np.flatnonzero(pids == pids[index])
    # A person with fewer images fills the row by showing some twice.
    return own[np.linspace(0, len(own) - 1, VIEWS).round().astype(int)]
