"""A trained node to look through: its networks, its data, and how G is guided."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gclbench.content_folders import DEFAULT_PROFILE
from gclbench.datasets.base import Bytes, Dataset, ImageTable
from gclbench.datasets.tracklets import by_image
from gclbench.devices import choose_device
from gclbench.errors import DataMissingError, UnknownNameError, UsageError
from gclbench.evaluation.preprocess import from_network, structure_to_network, to_network
from gclbench.networks.build import build_generator, build_id_encoder
from gclbench.networks.generator import Generator
from gclbench.networks.id_encoder import IdEncoder, IdOutput
from gclbench.plan import Cell, Node
from gclbench.plan.idle import idle_of
from gclbench.registry import REGISTRY
from gclbench.reporting.origin import data_heading
from gclbench.reporting.untrained import reasons
from gclbench.running.run import run_config
from gclbench.running.worker import load_datasets
from gclbench.schema import Settings, Stage
from gclbench.schema.overrides import write_overrides
from gclbench.study.measured_so_far import measured_so_far
from gclbench.study.opened import OpenStudy
from gclbench.weight_files.own import read_own

STEP_DEG = 45


@dataclass(frozen=True)
class Painter:
    """E_id and G of one node, in eval mode and without gradients; pictures are uint8.

    `guide` says what G's structure input is: `mesh`, projections scaled by
    `structure_to_network`, or `gray`, the channel mean of the ImageNet-normalised image.
    """

    encoder: IdEncoder
    generator: Generator
    guide: str = "mesh"
    device: str | torch.device = "cpu"

    @torch.no_grad()
    def encode(self, images: Bytes) -> IdOutput:
        """E_id of uint8 (B, H, W, 3)."""
        output: IdOutput = self.encoder(to_network(images, self.device))
        return output

    def guides(self, images: Bytes, projections: Bytes) -> Tensor:
        """G's structure input (B, 1, H, W) of images (B, H, W, 3) or projections (B, H, W)."""
        if self.guide == "gray":
            return to_network(images, self.device).mean(1, keepdim=True)
        return structure_to_network(projections, self.device)

    @torch.no_grad()
    def draw(self, identity: Tensor, guides: Tensor) -> Bytes:
        """Pictures uint8 (B, H, W, 3) of identity features f_id on structure inputs."""
        return from_network(self.generator(identity, guides))

    def reconstruct(self, images: Bytes, projections: Bytes) -> Bytes:
        """x'_ori: each image's identity on its own structure."""
        return self.draw(self.encode(images).f_id, self.guides(images, projections))

    def turned(self, images: Bytes, projections: Bytes, angles: tuple[int, ...]) -> Bytes:
        """Generated views uint8 (B, len(angles), H, W, 3); projections (B, 8, H, W)."""
        f_id = self.encode(images).f_id
        views = [self.draw(f_id, self.guides(images, projections[:, angle])) for angle in angles]
        return np.stack(views, axis=1)


@dataclass(frozen=True)
class Trained:
    """A finished node of a cell with its target's data; `view` is the class that gave s_new."""

    cell: Cell
    node: Node
    dataset: Dataset
    painter: Painter
    view: Any

    @property
    def data(self) -> str:
        """The task's data: the target's name, for UDA behind the source's."""
        return data_heading(self.cell.task, self.dataset.label)

    @property
    def train(self) -> ImageTable:
        """The training images with a row each, tracklets frame by frame: what `inputs` takes."""
        return by_image(self.dataset.train)

    def title(self, what: str) -> str:
        """`what`, then whose it is, in words of a reader."""
        return f"{what}. {self.data}, {self.cell.row.label}, seed {self.cell.seed}"

    @property
    def origin(self) -> str:
        """The row and node that it was made by, for the file alone."""
        cell, node = self.cell, self.node
        return (
            f"gclbench {cell.study}:{cell.row.key}:{cell.task.name}:{cell.seed}, "
            f"{node.stage} node {node.key}"
        )

    def inputs(self, rows: Any) -> tuple[Bytes, Bytes]:
        """Training images (B, H, W, 3) and projections (B, 8, H, W) of some rows."""
        return self.dataset.images("train")[rows], self.dataset.projections()[rows]


def trained(
    opened: OpenStudy, row: str, task: str, seed: int, stage: Stage = Stage.JOINT
) -> Trained:
    """Load the node of a cell's `stage`.

    Raises UnknownNameError for a cell that the study has not, or a stage that its row has not;
    UsageError for a row without a generator; DataMissingError naming the command when it is not
    trained; DamagedResultError for an artifact that is not what was committed.
    """
    cell = find_cell(opened, row, task, seed)
    node = find_node(opened, cell, stage)
    device = choose_device(opened.question.device)
    view = view_of(cell.settings, stage)
    painter = load_painter(
        node.resolved(), opened.artifacts.sound(node), getattr(view, "guide", "mesh"), device
    )
    dataset = load_datasets(run_config(opened), node)["target"]
    return Trained(cell, node, dataset, painter, view)


def find_cell(opened: OpenStudy, row: str, task: str, seed: int) -> Cell:
    """Return a cell of the study. Raises UnknownNameError."""
    for cell in opened.cells:
        if (cell.row.key, cell.task.name, cell.seed) == (row, task, seed):
            return cell
    known = [f"{cell.row.key}/{cell.task.name}/{cell.seed}" for cell in opened.cells]
    raise UnknownNameError("cell", f"{row}/{task}/{seed}", known)


def stages_of(opened: OpenStudy, cell: Cell) -> dict[Stage, Node]:
    """The nodes of a cell by stage."""
    chain = [opened.plan.node(key) for key in opened.plan.chain(cell)]
    return {node.stage: node for node in chain}


def find_node(opened: OpenStudy, cell: Cell, stage: Stage) -> Node:
    """Return the finished node of a cell's stage that holds a generator (see `trained`)."""
    stages = stages_of(opened, cell)
    if Stage.GAN not in stages:
        raise UsageError(
            f"row '{cell.row.key}' of {cell.study} trains no generator, so it draws nothing.",
            f"Choose rows=NAME with a generated view; see: gclbench show ablations {cell.study}",
        )
    if stage not in stages:
        raise UnknownNameError(f"stage of row {cell.row.key}", stage, stages)
    if not opened.artifacts.has(stages[stage]):
        raise DataMissingError(
            f"{stages[stage].label} is not trained yet.{so_far(opened)}",
            f"Run: gclbench run ablation={cell.study} rows={cell.row.key} "
            f"tasks={cell.task.name} seeds={cell.seed}{settings_words(opened)}",
        )
    if why := why_untrained(opened, stages[stage]):
        raise DataMissingError(f"{stages[stage].label} draws nothing of its own: {why}.")
    return stages[stage]


def why_untrained(opened: OpenStudy, node: Node) -> str:
    """Which stage that led to a finished node took no step, and why; '' for none."""
    return reasons(idle_of(opened.artifacts, opened.artifacts.read(node)))


def so_far(opened: OpenStudy) -> str:
    """What there is of the study with other settings."""
    question = opened.question
    return measured_so_far(question.home, question.store, question.studies)


def view_of(settings: Settings, stage: Stage) -> Any:
    """The class of the view augmentation that a stage's G was trained with, or None."""
    choices = settings.joint.augmentations
    if stage is Stage.GAN and settings.gan.view is not None:
        choices = (settings.gan.view,)
    components = [REGISTRY.lookup("augmentations", choice.name).component for choice in choices]
    return next((each for each in components if each.role == "view"), None)


def load_painter(
    settings: Settings, folder: Path, guide: str, device: str | torch.device = "cpu"
) -> Painter:
    """Read encoder.pt and generator.pt of a node's folder. Raises CheckpointError."""
    encoder = build_id_encoder(settings.network.id_encoder)
    generator = build_generator(settings, encoder.channels)
    encoder.load_state_dict(_weights(folder / "encoder.pt"))
    generator.load_state_dict(_weights(folder / "generator.pt"))
    return Painter(encoder.eval().to(device), generator.eval().to(device), guide, device)


def gray(projections: Bytes) -> Bytes:
    """Projections (..., H, W) as pictures (..., H, W, 3)."""
    return np.repeat(projections[..., None], 3, axis=-1)


def _weights(path: Path) -> Mapping[str, Any]:
    return read_own(path, f"Delete the folder {path.parent} and train it again.")


def settings_words(opened: OpenStudy) -> str:
    """Words of a command line that ask for the same settings: profile and overrides.

    The default profile goes unsaid.
    """
    question = opened.question
    words = [] if question.profile == DEFAULT_PROFILE else [f"profile={question.profile}"]
    words += map(shlex.quote, write_overrides(question.overrides))
    return "".join(f" {word}" for word in words)
