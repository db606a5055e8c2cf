"""Fig. 3 and Table 2 of GCL+: two people mixed as pixels, as features, as identity features."""

from __future__ import annotations

import numpy as np

from gclbench.datasets.base import Bytes
from gclbench.evaluation.preprocess import from_network
from gclbench.reporting.grid import ImageGrid
from gclbench.runtime.figures.inversion import Decoder, train_decoder
from gclbench.runtime.figures.people import spaced_people
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.figures.trained import Painter, Trained, trained
from gclbench.runtime.figures.views import MIX_LAMBDAS, identity_mixes
from gclbench.seeding import torch_generator
from gclbench.study.opened import OpenStudy

STEPS = 8
PAIRS = 5


def interpolation_grids(opened: OpenStudy, choice: Choice) -> list[ImageGrid]:
    """Fig. 3, a grid for each task: f_id of two people interpolated in 8 steps.

    G draws on the left person's own structure, so only identity moves. Pairs: neighbours among
    evenly spaced training identities.
    """
    return [
        interpolation_grid(trained(opened, choice.rows[0], task, choice.seed))
        for task in choice.tasks
    ]


def interpolation_grid(node: Trained) -> ImageGrid:
    images, projections, partner = _pairs(node)
    lambdas = tuple(1 - step / STEPS for step in range(STEPS + 1))
    mixes = identity_mixes(node.painter, images, projections, partner, lambdas)[::2]
    tiles = np.concatenate([images[::2, None], mixes, images[1::2, None]], axis=1)
    shares = (f"{lam:g} P1" for lam in lambdas)
    title = node.title("Interpolated identity features on the structure of P1")
    return ImageGrid(tiles, ("P1", *shares, "P2"), title, data=node.data, origin=node.origin)


def mixing_grids(opened: OpenStudy, choice: Choice) -> list[ImageGrid]:
    """Table 2, a grid for each task: Mixup, F-Mixup and D-Mixup of two people at five weights.

    Pairs: neighbours among evenly spaced training identities; P1 gives D-Mixup's structure.
    Differs from the paper in making F-Mixup visible: it trains a VAE-GAN after AMR, whereas here
    a small decoder (`inversion`) learns on the spot to invert f with an L1 loss. Its pictures
    say what f holds, and are blurred.
    """
    return [
        mixing_grid(trained(opened, choice.rows[0], task, choice.seed)) for task in choice.tasks
    ]


def mixing_grid(node: Trained) -> ImageGrid:
    chance = torch_generator(node.cell.seed, "figure", "table2", node.node.key)
    decoder = train_decoder(node.painter, node.dataset.images("train"), chance)
    images, projections, partner = _pairs(node)
    blocks = [
        np.stack([images[::2], images[1::2]], axis=1),
        pixel_mixes(images, partner, MIX_LAMBDAS)[::2],
        feature_mixes(node.painter, decoder, images, partner, MIX_LAMBDAS)[::2],
        identity_mixes(node.painter, images, projections, partner, MIX_LAMBDAS)[::2],
    ]
    blank = ("",) * (len(MIX_LAMBDAS) - 1)
    headings = (
        "P1",
        "P2",
        *("Mixup: pixels, 1 ... 0 P1", *blank),
        *("F-Mixup: features, seen through a decoder trained to invert f", *blank),
        *("D-Mixup: identity features through G, structure of P1", *blank),
    )
    weights = ", ".join(f"{lam:g}" for lam in MIX_LAMBDAS)
    title = node.title(f"Mixes of two people, weight of P1 {weights}")
    return ImageGrid(
        np.concatenate(blocks, axis=1), headings, title, data=node.data, origin=node.origin
    )


def pixel_mixes(images: Bytes, partner: np.ndarray, lambdas: tuple[float, ...]) -> Bytes:
    """lambda x_i + (1 - lambda) x_partner of uint8 (B, H, W, 3) -> (B, len(lambdas), H, W, 3)."""
    whole = images.astype(np.float64)
    mixes = [lam * whole + (1 - lam) * whole[partner] for lam in lambdas]
    return np.stack(mixes, axis=1).round().astype(np.uint8)


def feature_mixes(
    painter: Painter,
    decoder: Decoder,
    images: Bytes,
    partner: np.ndarray,
    lambdas: tuple[float, ...],
) -> Bytes:
    """The same of embeddings f, each mix drawn by `decoder`."""
    f = painter.encode(images).embedding
    mixes = [from_network(decoder(lam * f + (1 - lam) * f[partner])) for lam in lambdas]
    return np.stack(mixes, axis=1)


def _pairs(node: Trained) -> tuple[Bytes, Bytes, np.ndarray]:
    """Images, own-view projections and partners: rows 2k and 2k + 1 are each other's."""
    chosen = spaced_people(node.train.pids, 2 * PAIRS)
    chosen = chosen[: len(chosen) // 2 * 2]
    images, projections = node.inputs(chosen)
    return images, projections[:, 0], np.arange(len(chosen)) ^ 1
