"""Fig. 12 of GCL+: people whose back does not follow from their front, turned by 180 degrees."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F

from gclbench.datasets.base import Bytes
from gclbench.datasets.synthetic.sides import one_sided, train_appearances
from gclbench.reporting.grid import ImageGrid
from gclbench.runtime.figures.people import Rows, largest_by_person, spaced_people
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.figures.trained import Painter, Trained, gray, trained
from gclbench.study.opened import OpenStudy

PEOPLE = 8
BACK = 4  # the view turned by 180 degrees
SQUARE_DEG = 30
_AT_ONCE = 64
_BODY = 250  # projections are gray bodies on white


def failure_grids(opened: OpenStudy, choice: Choice) -> list[ImageGrid]:
    """A grid for each task: input, generated view at 180 degrees and, where known, the truth.

    World: among training images that show the front or the back (within 30 degrees) of somebody
    with something on one side only (print, open jacket, backpack), one image each of the people
    with the largest mean colour difference between the true renders at 0 and, mirrored, at 180
    degrees, over the pixels of both bodies. Real data: those whose generated
    180-degree view lies farthest from the input in E_id's features (cosine), one image each.
    """
    nodes = [trained(opened, choice.rows[0], task, choice.seed) for task in choice.tasks]
    return [_true_failures(n) if n.dataset.synthetic else _far_failures(n) for n in nodes]


def _true_failures(node: Trained) -> ImageGrid:
    known = train_appearances(node.dataset.role, node.node.resolved().data.world)
    shown = [known[path] for path in node.train.paths]
    seen = [one_sided(each.person) for each in shown]
    oracle = node.dataset.oracle_views()
    values = side_difference(oracle, node.dataset.projections())
    aslant = np.array([each.turned_away_deg > SQUARE_DEG for each in shown])
    values[aslant | np.array([not things for things in seen])] = np.nan
    chosen = largest_by_person(values, node.train.pids, PEOPLE)
    rule = (
        "Failures. People with something on one side only, by the largest difference between "
        "their true front and back"
    )
    labels = tuple(", ".join(seen[row]) for row in chosen)
    return _grid(node, chosen, rule, labels, oracle[chosen, BACK])


def _far_failures(node: Trained) -> ImageGrid:
    firsts = spaced_people(node.train.pids, len(node.train))
    distances = np.full(len(node.train), np.nan)
    for at in range(0, len(firsts), _AT_ONCE):
        part = firsts[at : at + _AT_ONCE]
        images, projections = node.inputs(part)
        distances[part] = turn_distance(node.painter, images, projections)
    chosen = largest_by_person(distances, node.train.pids, PEOPLE)
    labels = tuple(f"distance {distances[row]:.2f}" for row in chosen)
    rule = "Failures. People by the largest E_id distance between input and generated 180° view"
    return _grid(node, chosen, rule, labels, None)


def side_difference(oracle: Bytes, projections: Bytes) -> np.ndarray:
    """Mean absolute colour difference, 0-255, of the front and the mirrored back, (N,).

    oracle (N, 8, H, W, 3), projections (N, 8, H, W); mirrored, because a body turned by 180
    degrees has the outline of its mirror image. NaN where the two bodies share no pixel.
    """
    values = np.full(len(oracle), np.nan)
    for row in range(len(oracle)):
        front, back = oracle[row, 0].astype(np.int16), oracle[row, BACK, :, ::-1].astype(np.int16)
        body = (projections[row, 0] < _BODY) & (projections[row, BACK, :, ::-1] < _BODY)
        if body.any():
            values[row] = np.abs(front - back)[body].mean()
    return values


def turn_distance(painter: Painter, images: Bytes, projections: Bytes) -> np.ndarray:
    """1 - cosine of E_id's embeddings of images and of their generated 180-degree views, (B,)."""
    turned = painter.turned(images, projections, (BACK,))[:, 0]
    before, after = painter.encode(images).embedding, painter.encode(turned).embedding
    result: np.ndarray = (1 - F.cosine_similarity(before, after)).double().cpu().numpy()
    return result


def _grid(
    node: Trained, chosen: Rows, rule: str, labels: tuple[str, ...], truth: Bytes | None
) -> ImageGrid:
    images, projections = node.inputs(chosen)
    views = node.painter.turned(images, projections, (0, BACK))
    blocks = [images[:, None], views[:, :1], gray(projections[:, BACK : BACK + 1]), views[:, 1:]]
    headings = ["input", "generated 0°", "mesh 180°", "generated 180°"]
    if truth is not None:
        blocks.append(truth[:, None])
        headings.append("true render 180°")
    tiles = np.concatenate(blocks, axis=1)
    return ImageGrid(tiles, tuple(headings), node.title(rule), labels, node.data, node.origin)
