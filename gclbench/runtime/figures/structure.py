"""Fig. 2 of GCL+: ways to give G a new structure, and what comes out of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gclbench.augmentations.base import AngleAugmentation
from gclbench.datasets.base import Bytes
from gclbench.evaluation.preprocess import IMAGENET_MEAN, IMAGENET_STD
from gclbench.reporting.grid import ImageGrid
from gclbench.runtime.figures.people import spaced_people
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.figures.trained import STEP_DEG, Painter, Trained, gray, trained
from gclbench.study.opened import OpenStudy

PEOPLE = 6
ANGLES = (2, 4, 6)


@dataclass(frozen=True)
class Block:
    """Columns of one row of the study: pictures (B, C, H, W, 3) with a heading for each."""

    tiles: Bytes
    headings: tuple[str, ...]


def structure_grids(opened: OpenStudy, choice: Choice) -> list[ImageGrid]:
    """A grid for each task: for every row, what guides G, and what its generator draws.

    People: the first image of evenly spaced training identities; the other person is the next
    one shown. A row whose view turns meshes shows its own mesh and three turns of it.
    """
    grids = []
    for task in choice.tasks:
        nodes = [trained(opened, row, task, choice.seed) for row in choice.rows]
        grids.append(structure_grid(nodes))
    return grids


def structure_grid(nodes: list[Trained]) -> ImageGrid:
    images, projections = nodes[0].inputs(spaced_people(nodes[0].train.pids, PEOPLE))
    other = np.roll(np.arange(len(images)), -1)
    blocks = [Block(np.stack([images, images[other]], axis=1), ("input", "other person"))]
    for node in nodes:
        if turns(node.view):
            blocks.append(own_turned(node.painter, images, projections))
        else:
            blocks.append(switched(node.painter, images, projections[:, 0], other))
        heading, *others = blocks[-1].headings
        named = (f"{node.cell.row.label}: {heading}", *others)
        blocks[-1] = Block(blocks[-1].tiles, named)
    tiles = np.concatenate([block.tiles for block in blocks], axis=1)
    headings = tuple(heading for block in blocks for heading in block.headings)
    first = nodes[0]
    title = f"Structural variance. {first.data}, seed {first.cell.seed}"
    origin = "; ".join(node.origin for node in nodes)
    return ImageGrid(tiles, headings, title, data=first.data, origin=origin)


def turns(view: type) -> bool:
    """Whether a view augmentation turns a person's own mesh."""
    return isinstance(view, type) and issubclass(view, AngleAugmentation)


def switched(painter: Painter, images: Bytes, projections: Bytes, other: np.ndarray) -> Block:
    """The other person's structure as G sees it, then each person drawn on it.

    images (B, H, W, 3), projections (B, H, W), other (B,) rows.
    """
    drawn = painter.draw(
        painter.encode(images).f_id, painter.guides(images[other], projections[other])
    )
    seen = gray_pictures(images) if painter.guide == "gray" else gray(projections)
    what = "gray image of the other" if painter.guide == "gray" else "mesh of the other"
    return Block(np.stack([seen[other], drawn], axis=1), (f"{what}, and drawn on it", ""))


def own_turned(painter: Painter, images: Bytes, projections: Bytes) -> Block:
    """Pairs of guide and drawing for the own mesh, as it is and turned; projections 8 angles."""
    angles = (0, *ANGLES)
    views = painter.turned(images, projections, angles)
    pairs = np.stack([gray(projections[:, list(angles)]), views], axis=2)
    tiles = pairs.reshape(len(images), -1, *images.shape[1:])
    headings = [h for angle in angles for h in (f"own mesh, {angle * STEP_DEG}°, and drawn", "")]
    return Block(tiles, tuple(headings))


def gray_pictures(images: Bytes) -> Bytes:
    """The channel mean of the normalised image, made visible: (B, H, W, 3) -> the same shape.

    Black and white of the picture are those of the network's range.
    """
    normal = (images / 255.0 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    dark = np.mean(-np.array(IMAGENET_MEAN) / np.array(IMAGENET_STD))
    light = np.mean((1 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD))
    shade = (normal.mean(-1) - dark) / (light - dark) * 255
    return gray(shade.round().clip(0, 255).astype(np.uint8))
