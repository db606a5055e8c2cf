"""Tables 3, 11 and 12 of GCL+: every mesh turned by 45 to 315 degrees, and what G draws on it."""

from __future__ import annotations

import numpy as np

from gclbench.reporting.grid import ImageGrid
from gclbench.runtime.figures.people import spaced_people
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.figures.trained import Trained, gray, trained
from gclbench.study.opened import OpenStudy

PEOPLE = 8
ANGLES = tuple(range(1, 8))


def rotation_grids(opened: OpenStudy, choice: Choice) -> list[ImageGrid]:
    """A grid for each task: input, projections and generated views at 45 ... 315 degrees.

    People: the first image of evenly spaced training identities.
    """
    return [
        rotation_grid(trained(opened, choice.rows[0], task, choice.seed)) for task in choice.tasks
    ]


def rotation_grid(node: Trained) -> ImageGrid:
    images, projections = node.inputs(spaced_people(node.train.pids, PEOPLE))
    views = node.painter.turned(images, projections, ANGLES)
    tiles = np.concatenate([images[:, None], gray(projections[:, 1:]), views], axis=1)
    blank = ("",) * (len(ANGLES) - 1)
    meshes = ("mesh turned by 45, 90 ... 315 degrees", *blank)
    headings = ("input", *meshes, "generated on that mesh", *blank)
    return ImageGrid(
        tiles,
        headings,
        node.title("Mesh-guided generation"),
        data=node.data,
        origin=node.origin,
    )
