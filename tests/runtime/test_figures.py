"""Image grids from artifacts: what is loaded, which tiles are drawn, and what is missing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from gclbench.datasets.base import ImageTable
from gclbench.errors import DamagedResultError, DataMissingError, UnknownNameError, UsageError
from gclbench.evaluation.preprocess import from_network, structure_to_network, to_network
from gclbench.networks.generator import Generator
from gclbench.networks.id_encoder import IdEncoder
from gclbench.registry import REGISTRY, Entry
from gclbench.runtime.figures import contrast, failures, mixing, rotations, structure, tracklets
from gclbench.runtime.figures import trained as loading
from gclbench.runtime.figures.inversion import train_decoder
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.figures.trained import Painter, Trained
from gclbench.runtime.figures.views import MIX_LAMBDAS, views_grid, views_grids
from gclbench.schema import Stage
from gclbench.schema.choice import AugmentationChoice
from gclbench.seeding import torch_generator
from gclbench.study.opened import OpenStudy

PEOPLE, EACH = 5, 4
FIRSTS = [0, EACH, 2 * EACH, 3 * EACH, 4 * EACH]
CHOICE = Choice(("rotation_dmixup",), ("market1501",))


@pytest.fixture
def fake() -> SimpleNamespace:
    """Five people, two images in each of two cameras, in the place of the rendered world."""
    rng = np.random.default_rng(0)
    count = PEOPLE * EACH
    arrays = {
        "images": rng.integers(0, 256, (count, 64, 32, 3), np.uint8),
        "projections": rng.integers(0, 256, (count, 8, 64, 32), np.uint8),
        "oracle": rng.integers(0, 256, (count, 8, 64, 32, 3), np.uint8),
    }
    return SimpleNamespace(
        label="fake",
        role="market1501",
        synthetic=False,
        train=ImageTable(
            paths=tuple(f"{row}.jpg" for row in range(count)),
            pids=np.repeat(np.arange(PEOPLE), EACH),
            cams=np.tile([0, 0, 1, 1], PEOPLE),
            frames=np.tile([30, 10, 5, 6], PEOPLE),
        ),
        images=lambda split: arrays["images"],
        projections=lambda: arrays["projections"],
        oracle_views=lambda: arrays["oracle"],
    )


@pytest.fixture
def opened(open_one: Callable[..., OpenStudy]) -> OpenStudy:
    return open_one(rows=("rotation_dmixup", "multi"), tasks=("market1501",))


@pytest.fixture
def painter(opened: OpenStudy) -> Painter:
    """Networks of the smoke profile, drawn by chance."""
    node = next(node for node in opened.plan.nodes if "joint rotation_dmixup" in node.label)
    settings = node.resolved()
    encoder = IdEncoder(settings.network.id_encoder, generator=torch_generator(0, "e"))
    generator = Generator(
        settings.network.generator, encoder.channels, 4, generator=torch_generator(0, "g")
    )
    return Painter(encoder.eval(), generator.eval())


@pytest.fixture
def node(opened: OpenStudy, painter: Painter, fake: Any) -> Trained:
    """What `trained` returns, over the fake people."""
    cell = next(cell for cell in opened.cells if cell.row.key == "rotation_dmixup")
    joint = loading.stages_of(opened, cell)[Stage.JOINT]
    return Trained(cell, joint, fake, painter, loading.view_of(cell.settings, Stage.JOINT))


@pytest.fixture
def stored(opened: OpenStudy, painter: Painter, fake: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A study whose stage 3 is finished: its folder holds the networks of `painter`."""
    cell = next(cell for cell in opened.cells if cell.row.key == "rotation_dmixup")
    node = loading.stages_of(opened, cell)[Stage.JOINT]
    with opened.artifacts.workspace(node) as workspace:
        torch.save(painter.encoder.state_dict(), workspace.folder / "encoder.pt")
        torch.save(painter.generator.state_dict(), workspace.folder / "generator.pt")
        workspace.commit(node.record())
    monkeypatch.setattr(loading, "load_datasets", lambda config, node: {"target": fake})
    return opened


def pictures(fake: Any, rows: Any) -> Any:
    return fake.images("train")[rows]


def close(one: Any, other: Any) -> bool:
    """Equal up to the rounding of another batch size."""
    return int(np.abs(np.asarray(one, int) - np.asarray(other, int)).max()) <= 1


def test_views_show_input_mesh_eight_views_and_five_mixes(stored: Any, fake: Any) -> None:
    (grid,) = views_grids(stored, CHOICE)
    assert grid.tiles.shape == (PEOPLE, 1 + 1 + 8 + len(MIX_LAMBDAS), 64, 32, 3)
    assert grid.tiles.dtype == np.uint8
    assert np.array_equal(grid.tiles[:, 0], pictures(fake, FIRSTS))
    assert np.array_equal(grid.tiles[:, 1, :, :, 0], fake.projections()[FIRSTS, 0])
    assert grid.title == "Views and mixes. fake, Rotation + D-Mixup, seed 0"
    assert "rotation_dmixup:market1501:0, joint node" in grid.origin


@torch.no_grad()
def test_generated_tiles_are_what_the_networks_draw(node: Any, fake: Any) -> None:
    tiles, painter = views_grid(node).tiles, node.painter
    f_id = painter.encoder(to_network(pictures(fake, FIRSTS))).f_id
    meshes = structure_to_network(fake.projections()[FIRSTS])
    assert close(tiles[:, 2 + 3], from_network(painter.generator(f_id, meshes[:, 3:4])))
    half = from_network(painter.generator((f_id + f_id.roll(-1, 0)) / 2, meshes[:, :1]))
    assert close(tiles[:, 10 + MIX_LAMBDAS.index(0.5)], half)
    assert close(tiles[:, 10], tiles[:, 2])  # lambda 1 shows the person itself


def test_what_is_not_trained_yet_comes_with_the_command_that_trains_it(opened: Any) -> None:
    wanted = (
        "Run: gclbench run ablation=table6 rows=rotation_dmixup tasks=market1501 seeds=0 "
        "profile=smoke"
    )
    with pytest.raises(DataMissingError, match=wanted):
        views_grids(opened, CHOICE)


def test_a_row_without_generator_or_an_unknown_cell_is_a_usage_error(opened: Any) -> None:
    for stage in (Stage.GAN, Stage.JOINT):
        with pytest.raises(UsageError, match=r"'multi' of table6 trains no generator.*rows=NAME"):
            loading.trained(opened, "multi", "market1501", 0, stage)
    with pytest.raises(UnknownNameError, match="unknown cell 'rotation/market1501/0'"):
        loading.trained(opened, "rotation", "market1501", 0)


def test_a_damaged_network_file_is_named(stored: Any) -> None:
    node = next(node for node in stored.plan.nodes if "joint rotation_dmixup" in node.label)
    (stored.artifacts.path(node) / "generator.pt").write_bytes(b"cut")
    with pytest.raises(DamagedResultError, match=r"generator\.pt has other bytes"):
        views_grids(stored, CHOICE)


def test_rotations_show_seven_meshes_and_the_views_drawn_on_them(node: Any, fake: Any) -> None:
    grid = rotations.rotation_grid(node)
    assert grid.tiles.shape[1] == len(grid.headings) == 15
    assert np.array_equal(grid.tiles[:, 1:8, :, :, 1], fake.projections()[FIRSTS, 1:])
    assert np.array_equal(grid.tiles[:, 8:], views_grid(node).tiles[:, 3:10])


def test_interpolation_begins_at_the_reconstruction_of_the_left_person(
    node: Any, fake: Any
) -> None:
    grid = mixing.interpolation_grid(node)
    left, right = [0, 2 * EACH], [EACH, 3 * EACH]  # five people make two pairs
    assert grid.tiles.shape[:2] == (2, 1 + 9 + 1)
    assert np.array_equal(grid.tiles[:, 0], pictures(fake, left))
    assert np.array_equal(grid.tiles[:, -1], pictures(fake, right))
    own = fake.projections()[left, 0]
    assert close(grid.tiles[:, 1], node.painter.reconstruct(pictures(fake, left), own))
    f_id = node.painter.encode(pictures(fake, right)).f_id
    swapped = node.painter.draw(f_id, node.painter.guides(pictures(fake, left), own))
    assert close(grid.tiles[:, 9], swapped)
    assert (grid.headings[1], grid.headings[9]) == ("1 P1", "0 P1")


def test_table2_mixes_pixels_features_and_identities_of_the_same_pairs(
    node: Any, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_decoder, "__defaults__", (3,))
    grid = mixing.mixing_grid(node)
    weights = len(MIX_LAMBDAS)
    assert grid.tiles.shape[:2] == (2, 2 + 3 * weights)
    pixels, drawn = grid.tiles[:, 2 : 2 + weights], grid.tiles[:, 2 + 2 * weights :]
    assert np.array_equal(pixels[:, 0], grid.tiles[:, 0])
    assert np.array_equal(pixels[:, -1], grid.tiles[:, 1])
    half = (grid.tiles[:, 0].astype(int) + grid.tiles[:, 1]) / 2
    assert np.abs(pixels[:, 2] - half).max() <= 0.5
    assert np.array_equal(drawn[:, 0], mixing.interpolation_grid(node).tiles[:, 1])
    assert "decoder trained to invert f" in " ".join(grid.headings)
    assert np.array_equal(grid.tiles, mixing.mixing_grid(node).tiles)  # chance is the seed's


def test_the_decoder_learns_to_tell_people_apart(painter: Painter) -> None:
    images = np.zeros((2, 64, 32, 3), np.uint8)
    images[1, :, :, 0] = 255
    decoder = train_decoder(painter, images, torch_generator(0, "d"), 150)
    with torch.no_grad():
        drawn = from_network(decoder(painter.encode(images).embedding))
    assert np.abs(drawn.astype(int) - images).mean() < 20


def test_fig9_puts_stage_two_above_stage_three_for_each_input(node: Any, fake: Any) -> None:
    generator = copy.deepcopy(node.painter.generator)
    torch.nn.init.zeros_(generator.dec.model["8"].conv.weight)  # draws the same gray always
    before = Trained(node.cell, node.node, fake, Painter(node.painter.encoder, generator), None)
    grid = contrast.contrast_grid(before, node)
    inputs = [0, 2, 4 * EACH, 4 * EACH + 2]  # the first image in both cameras, first and last
    assert grid.tiles.shape[:2] == (8, 10)
    assert np.array_equal(grid.tiles[::2, 0], pictures(fake, inputs))
    assert np.array_equal(grid.tiles[1::2, 0], pictures(fake, inputs))
    assert len(np.unique(grid.tiles[::2, 2:])) <= 3 < len(np.unique(grid.tiles[1::2, 2:]))
    assert grid.labels[:3] == (
        "person 0, camera 1: without",
        "with",
        "person 0, camera 2: without",
    )


def test_tracklets_are_in_the_order_of_frames_and_turned_alike(node: Any, fake: Any) -> None:
    grid = tracklets.tracklet_grid(node)
    assert grid.tiles.shape[:2] == (PEOPLE, 3 * 2)
    assert np.array_equal(grid.tiles[0, :2], pictures(fake, [1, 0]))  # frame 10, then 30
    angles = (2, 4, 6, 2, 4)
    for row, angle in enumerate(angles):
        seen = fake.projections()[[row * EACH + 1, row * EACH], angle]
        assert np.array_equal(grid.tiles[row, 2:4, :, :, 0], seen)
    assert "not a video one" in grid.title
    assert grid.labels[1] == "person 1, camera 1, 180°"


def test_samples_of_several_frames_are_shown_by_their_own_frames(node: Any, fake: Any) -> None:
    """Two tracklets of two frames for each person: a row of the table is no row of the images."""
    samples = np.arange(0, PEOPLE * EACH, 2)
    table = replace(
        fake.train,
        pids=fake.train.pids[samples],
        cams=fake.train.cams[samples],
        frames=fake.train.frames[samples],
        starts=np.append(samples, PEOPLE * EACH),
    )
    node = replace(node, dataset=SimpleNamespace(**{**vars(fake), "train": table}))
    assert np.array_equal(views_grid(node).tiles[:, 0], pictures(fake, FIRSTS))
    grid = tracklets.tracklet_grid(node)
    assert np.array_equal(grid.tiles[3, :2], pictures(fake, [3 * EACH, 3 * EACH + 1]))
    assert grid.labels[3] == "person 3, camera 1, 90°"
    assert grid.title.startswith("Tracklets before and after rotation. fake")


def test_the_title_of_a_uda_task_names_both_datasets(
    open_one: Callable[..., OpenStudy], node: Any
) -> None:
    opened = open_one(rows=("rotation_dmixup",), tasks=("duke2market",))
    uda = replace(node, cell=opened.cells[0])
    assert uda.title("Views").startswith("Views. dukemtmc_reid → fake, Rotation + D-Mixup")


def test_failures_of_real_people_are_those_that_e_id_finds_farthest(
    node: Any, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "PEOPLE", 2)
    images, projections = pictures(fake, FIRSTS), fake.projections()[FIRSTS]
    order = np.argsort(-failures.turn_distance(node.painter, images, projections))[:2]
    grid = failures._far_failures(node)
    assert np.array_equal(grid.tiles[:, 0], images[order])
    assert np.array_equal(
        grid.tiles[:, 3], node.painter.turned(images, projections, (4,))[order, 0]
    )
    assert "largest E_id distance" in grid.title


def test_side_difference_compares_the_front_with_the_mirrored_back() -> None:
    oracle = np.zeros((2, 8, 4, 4, 3), np.uint8)
    oracle[:, 0, :, 0] = 200  # a mark on the left of the front
    oracle[0, 4, :, 3] = 200  # the same mark seen from behind: nothing differs
    body = np.full((2, 8, 4, 4), 100, np.uint8)
    assert failures.side_difference(oracle, body).tolist() == [0.0, 50.0]
    nobody = np.full((2, 8, 4, 4), 255, np.uint8)
    assert np.isnan(failures.side_difference(oracle, nobody)).all()


def test_a_switch_shows_the_other_persons_structure(node: Any, fake: Any) -> None:
    images, meshes = pictures(fake, FIRSTS), fake.projections()[FIRSTS, 0]
    other = np.array([1, 2, 3, 4, 0])
    block = structure.switched(node.painter, images, meshes, other)
    assert np.array_equal(block.tiles[:, 0, :, :, 0], meshes[other])
    f_id = node.painter.encode(images).f_id
    drawn = node.painter.draw(f_id, structure_to_network(meshes[other]))
    assert np.array_equal(block.tiles[:, 1], drawn)


def test_gray_guides_are_the_channel_mean_of_the_normalised_image(node: Any, fake: Any) -> None:
    images, meshes = pictures(fake, FIRSTS), fake.projections()[FIRSTS, 0]
    gray = Painter(node.painter.encoder, node.painter.generator, "gray")
    guides = gray.guides(images, meshes)
    assert guides.shape == (PEOPLE, 1, 64, 32)
    pixel = [(images[2, 5, 7, c] / 255 - m) / s for c, m, s in zip(
        range(3), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)]  # fmt: skip
    assert float(guides[2, 0, 5, 7]) == pytest.approx(np.mean(pixel), abs=1e-5)
    block = structure.switched(gray, images, meshes, np.array([1, 2, 3, 4, 0]))
    assert np.array_equal(block.tiles[:, 0], structure.gray_pictures(images)[[1, 2, 3, 4, 0]])
    assert block.headings[0] == "gray image of the other, and drawn on it"


def test_how_g_is_guided_is_what_its_stage_was_trained_with(
    opened: OpenStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Switch:
        role: ClassVar[str] = "view"
        guide: ClassVar[str] = "gray"

    entry = Entry("augmentations", "switch", 1, Switch)
    monkeypatch.setitem(REGISTRY._entries["augmentations"], "switch", entry)
    cell = next(cell for cell in opened.cells if cell.row.key == "rotation_dmixup")
    settings = cell.settings
    gan = settings.gan.model_copy(update={"view": AugmentationChoice(name="switch")})
    mixed = settings.model_copy(update={"gan": gan})
    assert loading.view_of(mixed, Stage.GAN) is Switch
    assert not structure.turns(Switch)
    for stage, chosen in ((Stage.JOINT, mixed), (Stage.GAN, settings)):
        view = loading.view_of(chosen, stage)
        assert structure.turns(view)
        assert getattr(view, "guide", "mesh") == "mesh"


def test_gray_pictures_keep_black_and_white() -> None:
    images = np.zeros((2, 2, 2, 3), np.uint8)
    images[1] = 255
    shown = structure.gray_pictures(images)
    assert (shown[0].max(), shown[1].min()) == (0, 255)


def test_fig2_asks_every_row_for_its_own_way(node: Any, fake: Any) -> None:
    switching = SimpleNamespace(role="view", guide="gray")  # no class that turns: it switches
    painter = Painter(node.painter.encoder, node.painter.generator, "gray")
    gray = Trained(node.cell, node.node, fake, painter, switching)
    grid = structure.structure_grid([gray, node])
    assert grid.tiles.shape[:2] == (PEOPLE, 2 + 2 + 2 * 4)
    assert np.array_equal(grid.tiles[:, 1], pictures(fake, FIRSTS[1:] + FIRSTS[:1]))
    assert np.array_equal(grid.tiles[:, 4, :, :, 0], fake.projections()[FIRSTS, 0])
    assert grid.headings[2].startswith("Rotation + D-Mixup: gray image of the other")
    assert grid.headings[6] == "own mesh, 90°, and drawn"
