"""Fig. 11 of GCL+: the frames of a tracklet before and after a rotation of the view point."""

from __future__ import annotations

import numpy as np

from gclbench.reporting.grid import ImageGrid
from gclbench.runtime.figures.people import longest_tracklets, tracklets
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.figures.trained import STEP_DEG, Trained, gray, trained
from gclbench.study.opened import OpenStudy

PEOPLE, LENGTH = 6, 8
# One angle for a whole tracklet: front, side and back take turns.
ANGLES = (2, 4, 6)


def tracklet_grids(opened: OpenStudy, choice: Choice) -> list[ImageGrid]:
    """A grid for each task; a row for each tracklet: its frames, turned meshes, generated frames.

    People: evenly spaced training identities, each in the camera with most images of it.
    Tracklets, where the task has them (table10): each identity's longest one, the first of equals.
    Differs from the paper where the task has images, the default: there they are consecutive
    images of one visit.
    """
    return [
        tracklet_grid(trained(opened, choice.rows[0], task, choice.seed)) for task in choice.tasks
    ]


def tracklet_grid(node: Trained) -> ImageGrid:
    train, samples = node.train, node.dataset.train
    if samples.starts is None:
        series = tracklets(train.pids, train.cams, train.frames, PEOPLE, LENGTH)
        what = (
            "Frames of a camera before and after rotation (of an image dataset, not a video one)"
        )
    else:
        series = longest_tracklets(samples.pids, samples.spans, PEOPLE, LENGTH)
        what = "Tracklets before and after rotation"
    angles = [ANGLES[number % len(ANGLES)] for number in range(len(series))]
    rows = [_row(node, frames, angle) for frames, angle in zip(series, angles, strict=True)]
    blank = ("",) * (len(series[0]) - 1)
    headings = ("frames", *blank, "mesh, turned", *blank, "frames after rotation", *blank)
    labels = tuple(
        f"person {train.pids[frames[0]]}, camera {train.cams[frames[0]] + 1}, {angle * STEP_DEG}°"
        for frames, angle in zip(series, angles, strict=True)
    )
    return ImageGrid(np.stack(rows), headings, node.title(what), labels, node.data, node.origin)


def _row(node: Trained, frames: np.ndarray, angle: int) -> np.ndarray:
    images, projections = node.inputs(frames)
    views = node.painter.turned(images, projections, (angle,))[:, 0]
    return np.concatenate([images, gray(projections[:, angle]), views])
