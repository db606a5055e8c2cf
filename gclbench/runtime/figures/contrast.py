"""Fig. 9 of GCL+: what G draws before and after the contrastive module joins the training."""

from __future__ import annotations

import numpy as np

from gclbench.reporting.grid import ImageGrid
from gclbench.runtime.figures.people import images_by_camera
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.figures.trained import STEP_DEG, Trained, gray, trained
from gclbench.schema import Stage
from gclbench.study.opened import OpenStudy

PEOPLE, INPUTS = 2, 3
ANGLES = (0, 1, 2, 3, 4, 5, 6, 7)


def contrast_grids(opened: OpenStudy, choice: Choice) -> list[ImageGrid]:
    """A grid for each task: views of the stage-2 node above those of the joint node.

    People: evenly spaced among the training identities that the most cameras saw (as many as
    there are inputs); inputs: the first image in evenly spaced cameras of theirs.
    Differs from the paper, which trains the whole model again without L_contrast: stage 2 is the
    same generator before any contrastive loss reached it or E_id.
    """
    pairs = [
        [trained(opened, choice.rows[0], task, choice.seed, stage) for stage in _STAGES]
        for task in choice.tasks
    ]
    return [contrast_grid(before, after) for before, after in pairs]


_STAGES = (Stage.GAN, Stage.JOINT)


def contrast_grid(before: Trained, after: Trained) -> ImageGrid:
    train = after.train
    chosen = np.concatenate(images_by_camera(train.pids, train.cams, PEOPLE, INPUTS))
    images, projections = after.inputs(chosen)
    blocks = [
        np.concatenate([images[:, None], gray(projections[:, :1]), views], axis=1)
        for views in (node.painter.turned(images, projections, ANGLES) for node in (before, after))
    ]
    tiles = np.stack(blocks, axis=1).reshape(-1, *blocks[0].shape[1:])
    labels = [
        label
        for row in chosen
        for label in (f"person {train.pids[row]}, camera {train.cams[row] + 1}: without", "with")
    ]
    degrees = [f"{angle * STEP_DEG}°" for angle in ANGLES]
    title = "Without contrast (stage 2) and with it"
    return ImageGrid(
        tiles,
        ("input", "mesh", *degrees),
        after.title(title),
        tuple(labels),
        after.data,
        f"{before.origin}; {after.origin}",
    )
