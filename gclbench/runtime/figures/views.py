"""Inputs, generated views and identity mixes of one trained row."""

from __future__ import annotations

import numpy as np

from gclbench.reporting.grid import ImageGrid
from gclbench.runtime.figures.people import spaced_people
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.figures.trained import Painter, Trained, gray, trained
from gclbench.study.opened import OpenStudy

PEOPLE = 8
ANGLES = tuple(range(8))
MIX_LAMBDAS = (1.0, 0.75, 0.5, 0.25, 0.0)


def views_grids(opened: OpenStudy, choice: Choice) -> list[ImageGrid]:
    """A grid for each task: inputs, views at 0 ... 315 degrees, identity mixes of two people.

    The people are the first image of evenly spaced training identities: a rule, not a choice.
    Row i mixes person i with person i + 1, keeping person i's structure (GCL+ Eq. 4).
    """
    return [
        views_grid(trained(opened, choice.rows[0], task, choice.seed)) for task in choice.tasks
    ]


def views_grid(node: Trained) -> ImageGrid:
    chosen = spaced_people(node.train.pids, PEOPLE)
    images, projections = node.inputs(chosen)
    views = node.painter.turned(images, projections, ANGLES)
    partner = np.roll(np.arange(len(chosen)), -1)
    mixes = identity_mixes(node.painter, images, projections[:, 0], partner, MIX_LAMBDAS)
    meshes = gray(projections[:, :1])
    tiles = np.concatenate([images[:, None], meshes, views, mixes], axis=1)
    headings = ("input", "mesh", "generated, mesh at 0, 45 ... 315 degrees", *[""] * 7)
    mixing = ("mix with the next person, lambda 1 ... 0", *[""] * (len(MIX_LAMBDAS) - 1))
    return ImageGrid(
        tiles,
        headings + mixing,
        node.title("Views and mixes"),
        data=node.data,
        origin=node.origin,
    )


def identity_mixes(
    painter: Painter,
    images: np.ndarray,
    projections: np.ndarray,
    partner: np.ndarray,
    lambdas: tuple[float, ...],
) -> np.ndarray:
    """G of lambda f_id(i) + (1 - lambda) f_id(partner[i]) on i's own structure.

    images (B, H, W, 3), projections (B, H, W), partner (B,) -> (B, len(lambdas), H, W, 3).
    """
    f_id, own = painter.encode(images).f_id, painter.guides(images, projections)
    mixes = [painter.draw(lam * f_id + (1 - lam) * f_id[partner], own) for lam in lambdas]
    return np.stack(mixes, axis=1)
