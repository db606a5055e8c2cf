"""How good are generated images? SSIM of reconstructions, FID of novel views.

The numbers (`mean_ssim`, `frechet_distance`) are pure; the rest collects pictures of trained
nodes. Packages: torchmetrics (the extra `metrics`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gclbench.augmentations.rotation import Rotation
from gclbench.datasets.base import Bytes
from gclbench.errors import DataMissingError, MissingExtraError, ShapeError
from gclbench.reporting.generation import GenerationLine, GenerationTable
from gclbench.runtime.figures.people import spaced
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.figures.structure import turns
from gclbench.runtime.figures.trained import (
    Painter,
    Trained,
    settings_words,
    so_far,
    stages_of,
    trained,
    why_untrained,
)
from gclbench.schema import Stage
from gclbench.seeding import torch_generator
from gclbench.study.opened import OpenStudy

MAX_IMAGES = 4096
_AT_ONCE = 32
# Where torchmetrics' Inception network is looked for; it is never fetched.
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
Features = Callable[[Bytes], Tensor]


@dataclass(frozen=True)
class FeatureNetwork:
    """`extract`: uint8 (B, H, W, 3) -> float (B, D); `name` is what the table prints."""

    name: str
    extract: Features


@dataclass(frozen=True)
class Draw:
    """Which training images are measured, and what structure each novel view is drawn on.

    `rows` (N,) of the training table; `angles` (N,) in 1 ... 7; `partners` (N,) rows of the table.
    """

    rows: np.ndarray
    angles: np.ndarray
    partners: np.ndarray


def mean_ssim(images: Bytes, others: Bytes) -> float:
    """Mean structural similarity of pairs of pictures, -1 to 1.

    Source    Wang et al. 2004 as in torchmetrics: Gaussian window of 11 px (sigma 1.5), K1 0.01,
              K2 0.03, range 255, per colour channel; a window at every pixel, borders mirrored.
    Shapes    uint8 (N, H, W, 3) twice, H and W at least 11.
    Raises    ShapeError; MissingExtraError without torchmetrics.
    """
    if images.shape != others.shape or images.ndim != 4 or min(images.shape[1:3]) < 11:
        raise ShapeError(
            f"pictures have shapes {images.shape} and {others.shape}, expected twice "
            "(N, H, W, 3) with H and W of at least 11."
        )
    require_torchmetrics()
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    total = 0.0
    for at in range(0, len(images), _AT_ONCE):
        one, other = (_floats(each[at : at + _AT_ONCE]) for each in (images, others))
        values: Any = ssim(one, other, data_range=255.0, reduction="sum")
        total += float(values)
    return total / len(images)


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """FID: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of two sets of features.

    Source    Heusel et al. 2017, through torchmetrics, whose sums are float64.
    Shapes    (N, D) and (M, D), N and M at least 2. With N <= D the covariance is singular: the
              value stays finite, but it is biased and compares only equal N.
    Raises    ShapeError; MissingExtraError without torchmetrics.
    """
    fit = real.ndim == generated.ndim == 2 and real.shape[1] == generated.shape[1]
    if not fit or min(len(real), len(generated)) < 2:
        raise ShapeError(
            f"features have shapes {tuple(real.shape)} and {tuple(generated.shape)}, expected "
            "(N, D) and (M, D) with at least 2 rows."
        )
    require_torchmetrics()
    from torchmetrics.image.fid import FrechetInceptionDistance

    # torchmetrics asks a network of one's own how wide its features are; ours are made already.
    passing = nn.Identity()
    passing.num_features = real.shape[1]  # type: ignore[assignment]
    metric = FrechetInceptionDistance(feature=passing)
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    return float(metric.compute())


def require_torchmetrics() -> None:
    """Raise MissingExtraError where torchmetrics is not installed."""
    if importlib.util.find_spec("torchmetrics") is None:
        raise MissingExtraError("torchmetrics", "metrics")


def generation_table(opened: OpenStudy, choice: Choice) -> GenerationTable:
    """SSIM and FID of every trained generator of the study: stage-2 nodes, then joint nodes.

    Rows of one task share the feature network, the images and the draw of angles. On the built-in
    world the true renders stand beside them as a bound. Tasks without a trained generator are left
    out and named, unless they were asked for. Raises DataMissingError for one that was asked for
    or when none is trained, MissingExtraError without torchmetrics.
    """
    require_torchmetrics()
    found, absent = _generators(opened, choice)
    lines = [line for nodes in found for line in _task_lines(opened, nodes, choice.seed)]
    return GenerationTable(
        title="Quality of generated images",
        lines=tuple(lines),
        footnotes=(
            f"Profile: {opened.question.profile}. Seed: {choice.seed}.",
            *([f"Not trained: {', '.join(absent)}."] if absent else []),
            "SSIM: x'_ori against its own image, mean (higher is better). FID: x'_new, each "
            "training image once, turned by a drawn multiple of 45 degrees (or on another "
            "person's structure where the row switches), against the same training images "
            "(lower is better).",
            *_bias_notes(lines),
            "E_id also judges G while it learns (L_feat), in stage 2 this very E_id: a FID of its "
            "features flatters stage 2.",
            "Controls: the world's true renders, what a perfect generator would draw "
            "(SSIM below 1: the image went through the camera's JPEG).",
        ),
    )


def _generators(opened: OpenStudy, choice: Choice) -> tuple[list[list[Trained]], list[str]]:
    """Trained generators of each task, and the names of tasks that have none."""
    tasks = choice.tasks or tuple(dict.fromkeys(cell.task.name for cell in opened.cells))
    found, absent = [], []
    for task in tasks:
        try:
            found.append(trained_generators(opened, task, choice.seed))
        except DataMissingError:
            absent.append(task)
            if choice.tasks or len(absent) == len(tasks):
                raise
    return found, absent


def _task_lines(opened: OpenStudy, nodes: list[Trained], seed: int) -> list[GenerationLine]:
    first = nodes[0]
    network = feature_network(_warm(first, opened, first.cell.task.name, seed))
    draw = draw_views(len(first.train), seed)
    real = _all_features(network, first.dataset.images("train"), draw.rows)
    lines = [_line(node, network, real, draw) for node in nodes]
    if first.dataset.synthetic:
        lines.append(_oracle_line(first, network, real, draw))
    return lines


def trained_generators(opened: OpenStudy, task: str, seed: int) -> list[Trained]:
    """Finished stage-2 nodes (each once), then finished joint nodes, of a task's cells."""
    cells = [
        cell
        for cell in opened.cells
        if (cell.task.name, cell.seed) == (task, seed) and Stage.GAN in stages_of(opened, cell)
    ]
    found: dict[str, Trained] = {}
    for stage in (Stage.GAN, Stage.JOINT):
        for cell in cells:
            node = stages_of(opened, cell).get(stage)
            if node is None or node.key in found or not opened.artifacts.has(node):
                continue
            if not why_untrained(opened, node):
                found[node.key] = trained(opened, cell.row.key, task, seed, stage)
    if not found:
        study = opened.studies[0].study
        raise DataMissingError(
            f"no generator of {task} is trained for seed {seed}.{so_far(opened)}",
            f"Run: gclbench run ablation={study} tasks={task} seeds={seed}"
            f"{settings_words(opened)}",
        )
    return list(found.values())


def feature_network(painter: Painter, folder: Path | None = None) -> FeatureNetwork:
    """Inception where its weights lie in torch's folder already, else the painter's E_id, pooled.

    `folder` (default: torch's hub folder) is searched, nothing is ever downloaded.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints" if folder is None else folder
    weights = folder / INCEPTION_FILE
    if weights.is_file() and importlib.util.find_spec("torch_fidelity") is not None:
        return FeatureNetwork("Inception-v3 (2048)", _inception(weights, painter.device))
    width = painter.encoder.channels
    return FeatureNetwork(
        f"E_id after warm-up, pooled ({width})",
        lambda images: painter.encode(images).pooled,
    )


def draw_views(count: int, seed: int) -> Draw:
    """The fixed draw: evenly spaced images (4096 at most), an angle and a partner for each."""
    rows = spaced(np.arange(count), MAX_IMAGES)
    chance = torch_generator(seed, "figure", "generation")
    angles = Rotation(angles=7).sample(len(rows), chance).index.numpy()
    # A shift by 1 ... N - 1 never pairs an image with itself.
    shift = torch.randint(1, max(2, len(rows)), (), generator=chance)
    return Draw(rows, angles, np.roll(rows, int(shift)))


def novel_views(node: Trained, draw: Draw) -> tuple[Bytes, Bytes]:
    """x'_ori and x'_new of the drawn images, uint8 (N, H, W, 3) each."""
    originals, views = [], []
    for at in range(0, len(draw.rows), _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        images, projections = node.inputs(draw.rows[part])
        guides = (images, projections[np.arange(len(images)), draw.angles[part]])
        if not turns(node.view):
            others, structures = node.inputs(draw.partners[part])
            guides = (others, structures[:, 0])
        f_id = node.painter.encode(images).f_id
        own = node.painter.guides(images, projections[:, 0])
        originals.append(node.painter.draw(f_id, own))
        views.append(node.painter.draw(f_id, node.painter.guides(*guides)))
    return np.concatenate(originals), np.concatenate(views)


def _line(node: Trained, network: FeatureNetwork, real: Tensor, draw: Draw) -> GenerationLine:
    originals, views = novel_views(node, draw)
    stage = "stage 2" if node.node.stage is Stage.GAN else "stage 3"
    label = f"{stage}, {_what(node)}"
    return _measured(node, label, originals, views, network, real, draw)


def _what(node: Trained) -> str:
    if node.node.stage is Stage.JOINT:
        return node.cell.row.label
    return "before any contrast" if turns(node.view) else f"{node.cell.row.label}, before contrast"


def _oracle_line(
    node: Trained, network: FeatureNetwork, real: Tensor, draw: Draw
) -> GenerationLine:
    oracle = node.dataset.oracle_views()
    originals, views = oracle[draw.rows, 0], oracle[draw.rows, draw.angles]
    label = "true renders"
    return _measured(node, label, originals, views, network, real, draw, control=True)


def _measured(
    node: Trained,
    label: str,
    originals: Bytes,
    views: Bytes,
    network: FeatureNetwork,
    real: Tensor,
    draw: Draw,
    control: bool = False,
) -> GenerationLine:
    generated = _all_features(network, views, np.arange(len(views)))
    return GenerationLine(
        data=node.data,
        label=label,
        ssim=mean_ssim(node.dataset.images("train")[draw.rows], originals),
        fid=frechet_distance(real, generated),
        images=len(views),
        features=network.name,
        node="" if control else node.node.key,
        control=control,
    )


def _all_features(network: FeatureNetwork, images: Bytes, rows: np.ndarray) -> Tensor:
    parts = range(0, len(rows), _AT_ONCE)
    return torch.cat([network.extract(images[rows[at : at + _AT_ONCE]]).cpu() for at in parts])


def _bias_notes(lines: Sequence[GenerationLine]) -> list[str]:
    few = min(line.images for line in lines)
    notes = [f"FID rests on {few} images or more: it is biased upwards, compare rows only."]
    widths = {int(line.features.rpartition("(")[2].rstrip(")")) for line in lines}
    if few <= max(widths):
        notes.append(
            f"Fewer images ({few}) than features ({max(widths)}): covariances are singular."
        )
    return notes


def _warm(node: Trained, opened: OpenStudy, task: str, seed: int) -> Painter:
    """The painter of a stage-2 node, whose E_id is the warm-up's, frozen."""
    if node.node.stage is Stage.GAN:
        return node.painter
    return trained(opened, node.cell.row.key, task, seed, Stage.GAN).painter


def _inception(weights: Path, device: str | torch.device) -> Features:
    from torchmetrics.image.fid import NoTrainInceptionV3

    network: Any = NoTrainInceptionV3(
        name="inception-v3-compat",
        features_list=["2048"],
        feature_extractor_weights_path=str(weights),
    ).to(device)

    @torch.no_grad()
    def extract(images: Bytes) -> Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        features: Tensor = network(pixels.to(device))
        return features

    return extract


def _floats(images: Bytes) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
