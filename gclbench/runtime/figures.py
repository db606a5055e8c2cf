"""Image grids from trained nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gclbench.datasets.base import Dataset
from gclbench.datasets.load import load_dataset
from gclbench.errors import DataMissingError, UnknownNameError
from gclbench.plan import Node
from gclbench.reporting.grid import ImageGrid
from gclbench.runtime.session import Session
from gclbench.runtime.worker import load_datasets
from gclbench.schema import Settings, Stage

VIEWS = 8
MIX_LAMBDAS = (1.0, 0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True)
class GridRequest:
    """Which trained generator to look through: the node of a row's `stage` for a task and seed."""

    task: str
    row: str = "rotation_dmixup"
    stage: Stage = Stage.JOINT
    seed: int = 0
    people: int = 8


def views_grid(session: Session, request: GridRequest) -> ImageGrid:
    """Inputs, generated views at 0 ... 315 degrees, and identity mixes of two people.

    The people are the first image of evenly spaced training identities: a rule, not a choice.
    Row i mixes person i with person i + 1, keeping person i's structure (GCL+ Eq. 4).
    """
    node = _node(session, request)
    folder = session.artifacts.path(node)
    dataset = load_datasets(session.run_config(), node)["target"]
    chosen = _spaced_people(dataset.train.pids, request.people)
    images, projections = dataset.images("train")[chosen], dataset.projections()[chosen]
    encoder, generator = _networks(node.resolved(), folder)
    views, mixes = _generate(encoder, generator, images, projections)
    gray = np.repeat(projections[:, :1, :, :, None], 3, axis=-1)
    tiles = np.concatenate([images[:, None], gray, views, mixes], axis=1)
    headings = ("input", "mesh", "generated, mesh at 0, 45 ... 315 degrees", *[""] * 7)
    mixing = ("mix with the next person, lambda 1 ... 0", *[""] * (len(MIX_LAMBDAS) - 1))
    title = (
        f"{dataset.label}, {request.row}, {request.stage} node {node.key[:8]}, seed {request.seed}"
    )
    return ImageGrid(tiles, headings + mixing, title)


def world_grids(session: Session, people: int = 6) -> list[ImageGrid]:
    """One grid for each dataset that the session's tasks name: people, meshes, true renders.

    Real data has no true renders, and meshes only where `data.mesh` says where they are.
    """
    roles = sorted({cell.task.target for cell in session.cells})
    settings = session.cells[0].settings
    return [
        _world_grid(load_dataset(role, settings.data, session.request.home / "cache"), people)
        for role in roles
    ]


def _world_grid(dataset: Dataset, people: int) -> ImageGrid:
    chosen = _spaced_people(dataset.train.pids, people)
    images = dataset.images("train")
    walks = np.stack([images[_images_of(dataset.train.pids, index)] for index in chosen])
    meshes = np.repeat(dataset.projections()[chosen][..., None], 3, axis=-1)
    blocks, headings = [walks, meshes], ["training images, camera by camera", *[""] * 7]
    headings += ["projections of the first one's mesh, 0 ... 315 degrees", *[""] * 7]
    if dataset.synthetic:
        blocks.append(dataset.oracle_views()[chosen])
        headings += ["true renders from the same views", *[""] * 7]
    return ImageGrid(np.concatenate(blocks, axis=1), tuple(headings), dataset.label)


def _images_of(pids: np.ndarray, index: int) -> np.ndarray:
    """Eight evenly spaced images of the person on image `index` (sorted by camera)."""
    own = np.flatnonzero(pids == pids[index])
    return own[np.linspace(0, len(own) - 1, VIEWS).round().astype(int)]


def _node(session: Session, request: GridRequest) -> Node:
    for cell in session.cells:
        if (cell.row.key, cell.task.name, cell.seed) == (request.row, request.task, request.seed):
            chain = [session.plan.node(key) for key in session.plan.chain(cell)]
            stages = {node.stage: node for node in chain}
            if request.stage not in stages:
                raise UnknownNameError(f"stage of row {request.row}", request.stage, stages)
            node = stages[request.stage]
            if not session.artifacts.has(node):
                raise DataMissingError(
                    f"{node.label} is not trained yet.",
                    f"Run: gclbench run ablation={cell.study} rows={request.row} "
                    f"tasks={request.task} seeds={request.seed}",
                )
            return node
    known = [f"{cell.row.key}/{cell.task.name}/{cell.seed}" for cell in session.cells]
    raise UnknownNameError("cell", f"{request.row}/{request.task}/{request.seed}", known)


def _spaced_people(pids: np.ndarray, people: int) -> np.ndarray:
    _, first = np.unique(pids, return_index=True)
    places = np.linspace(0, len(first) - 1, min(people, len(first))).round().astype(int)
    chosen: np.ndarray = first[places]
    return chosen


def _networks(settings: Settings, folder: Any) -> tuple[Any, Any]:
    from gclbench.networks.generator import Generator
    from gclbench.networks.id_encoder import IdEncoder

    encoder = IdEncoder(settings.network.id_encoder)
    encoder.load_state_dict(
        torch.load(folder / "encoder.pt", map_location="cpu", weights_only=True)
    )
    generator = Generator(
        settings.network.generator,
        encoder.channels,
        settings.network.id_encoder.parts,
        slicing=settings.gan.mlp_slicing,
    )
    generator.load_state_dict(
        torch.load(folder / "generator.pt", map_location="cpu", weights_only=True)
    )
    return encoder.eval(), generator.eval()


@torch.no_grad()
def _generate(
    encoder: Any, generator: Any, images: np.ndarray, projections: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    from gclbench.evaluation.preprocess import from_network, structure_to_network, to_network

    f_id = encoder(to_network(images)).f_id
    structures = structure_to_network(projections)
    views = [
        from_network(generator.decode(f_id, generator.structure(structures[:, a : a + 1])))
        for a in range(structures.shape[1])
    ]
    own, partner = generator.structure(structures[:, :1]), f_id.roll(-1, dims=0)
    mixes = [
        from_network(generator.decode(lam * f_id + (1 - lam) * partner, own))
        for lam in MIX_LAMBDAS
    ]
    return np.stack(views, axis=1), np.stack(mixes, axis=1)
