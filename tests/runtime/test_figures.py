"""Image grids from artifacts: which people, which tiles, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.errors import DataMissingError, UnknownNameError
from gclbench.evaluation.preprocess import from_network, structure_to_network, to_network
from gclbench.networks.generator import Generator
from gclbench.networks.id_encoder import IdEncoder
from gclbench.runtime import figures
from gclbench.runtime.figures import MIX_LAMBDAS, GridRequest, views_grid
from gclbench.runtime.session import Session
from gclbench.schema import Stage
from gclbench.seeding import torch_generator

PEOPLE, EACH = 5, 3


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Five people of three images each in the place of the rendered world."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (PEOPLE * EACH, 64, 32, 3), np.uint8)
    projections = rng.integers(0, 256, (PEOPLE * EACH, 8, 64, 32), np.uint8)
    oracle = rng.integers(0, 256, (PEOPLE * EACH, 8, 64, 32, 3), np.uint8)
    dataset = SimpleNamespace(
        label="fake",
        synthetic=True,
        train=SimpleNamespace(pids=np.repeat(np.arange(PEOPLE), EACH)),
        images=lambda split: images,
        projections=lambda: projections,
        oracle_views=lambda: oracle,
    )
    monkeypatch.setattr(figures, "load_datasets", lambda config, node: {"target": dataset})
    monkeypatch.setattr(figures, "load_dataset", lambda role, data, cache: dataset)
    return dataset


@pytest.fixture
def trained(session: Callable[..., Session]) -> tuple[Session, IdEncoder, Generator]:
    """A session whose stage 3 is finished, with networks drawn by chance."""
    opened = session(rows=("rotation_dmixup", "multi"), tasks=("market1501",))
    node = next(node for node in opened.plan.nodes if "rotation_dmixup" in node.label)
    settings = node.resolved()
    encoder = IdEncoder(settings.network.id_encoder, generator=torch_generator(0, "e"))
    generator = Generator(
        settings.network.generator, encoder.channels, 4, generator=torch_generator(0, "g")
    )
    with opened.artifacts.workspace(node) as workspace:
        torch.save(encoder.state_dict(), workspace.folder / "encoder.pt")
        torch.save(generator.state_dict(), workspace.folder / "generator.pt")
        workspace.commit(node.record())
    return opened, encoder.eval(), generator.eval()


def test_a_grid_has_input_mesh_eight_views_and_five_mixes_for_each_person(
    trained: Any, fake: Any
) -> None:
    grid = views_grid(trained[0], GridRequest("market1501", people=3))
    assert grid.tiles.shape == (3, 1 + 1 + 8 + len(MIX_LAMBDAS), 64, 32, 3)
    assert grid.tiles.dtype == np.uint8
    chosen = [0, 2 * EACH, 4 * EACH]  # the first image of evenly spaced people
    assert np.array_equal(grid.tiles[:, 0], fake.images("train")[chosen])
    assert np.array_equal(grid.tiles[:, 1, :, :, 0], fake.projections()[chosen, 0])
    assert "fake, rotation_dmixup, joint" in grid.title


@torch.no_grad()
def test_generated_tiles_are_what_the_networks_draw(trained: Any, fake: Any) -> None:
    opened, encoder, generator = trained
    tiles = views_grid(opened, GridRequest("market1501", people=3)).tiles
    chosen = [0, 2 * EACH, 4 * EACH]
    f_id = encoder(to_network(fake.images("train")[chosen])).f_id
    meshes = structure_to_network(fake.projections()[chosen])
    turned = from_network(generator(f_id, meshes[:, 3:4]))
    assert np.array_equal(tiles[:, 2 + 3], turned)
    half = from_network(generator((f_id + f_id[[1, 2, 0]]) / 2, meshes[:, :1]))
    assert np.abs(tiles[:, 10 + MIX_LAMBDAS.index(0.5)].astype(int) - half).max() <= 1


def test_lambda_one_shows_the_person_itself(trained: Any, fake: Any) -> None:
    tiles = views_grid(trained[0], GridRequest("market1501")).tiles
    assert len(tiles) == PEOPLE  # fewer than the eight asked for
    assert np.abs(tiles[:, 10].astype(int) - tiles[:, 2]).max() <= 1


def test_what_is_not_trained_yet_comes_with_the_command_that_trains_it(
    session: Callable[..., Session], fake: Any
) -> None:
    wanted = "Run: gclbench run ablation=table6 rows=rotation_dmixup tasks=market1501 seeds=0"
    with pytest.raises(DataMissingError, match=wanted):
        views_grid(session(tasks=("market1501",)), GridRequest("market1501"))


def test_a_row_without_generator_or_an_unknown_cell_is_a_usage_error(
    trained: Any, fake: Any
) -> None:
    with pytest.raises(UnknownNameError, match="unknown stage of row multi 'gan'"):
        views_grid(trained[0], GridRequest("market1501", "multi", Stage.GAN))
    with pytest.raises(UnknownNameError, match="unknown cell 'rotation/market1501/0'"):
        views_grid(trained[0], GridRequest("market1501", "rotation"))
