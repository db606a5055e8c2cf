"""The rendered world: same bytes for one seed, grammar of the role, the problem it must pose."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gclbench.datasets.base import Dataset
from gclbench.datasets.fingerprint import dataset_fingerprint
from gclbench.datasets.load import load_dataset, load_pretrain_set
from gclbench.datasets.synthetic.naming import named_shots
from gclbench.datasets.synthetic.render import Renderer
from gclbench.datasets.synthetic.shots import plan_world
from gclbench.datasets.synthetic.spec import world_spec
from gclbench.errors import UnknownNameError, UsageError
from gclbench.schema.settings import DataSettings, MeshSettings, WorldSettings

WORLD = WorldSettings(people_train=8, people_test=5, images_per_person=6, distractor_people=2)
DATA = DataSettings(height_px=64, width_px=32, world=WORLD)
ROLES = ("market1501", "dukemtmc_reid", "msmt17")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module")
def twin(cache: Path) -> Callable[[str], Dataset]:
    return lambda role: load_dataset(role, DATA, cache)


def bytes_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("role", ROLES)
def test_equal_seeds_give_equal_bytes(
    twin: Callable[[str], Dataset], tmp_path: Path, role: str
) -> None:
    again = load_dataset(role, DATA, tmp_path)
    assert bytes_of(again.root) == bytes_of(twin(role).root)


def test_another_seed_gives_other_images(twin: Callable[[str], Dataset], tmp_path: Path) -> None:
    data = DATA.model_copy(update={"world": WORLD.model_copy(update={"seed": 1})})
    other = load_dataset("market1501", data, tmp_path).images("train")
    assert not np.array_equal(other, twin("market1501").images("train"))


@pytest.mark.parametrize("role", ROLES)
def test_sizes_are_those_asked_for(twin: Callable[[str], Dataset], role: str) -> None:
    train = twin(role).train
    assert len(train) == 8 * 6
    assert np.unique(train.pids, return_counts=True)[1].tolist() == [6] * 8
    assert twin(role).images("train").shape == (48, 64, 32, 3)


@pytest.mark.parametrize("role", ROLES)
def test_training_and_test_people_are_different(twin: Callable[[str], Dataset], role: str) -> None:
    dataset = twin(role)
    people: dict[bool, set[str]] = {True: set(), False: set()}
    with (dataset.root / "factors.csv").open(encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            people[row["split"] == "train"].add(row["person"])
    assert not people[True] & people[False]
    if role != "msmt17":  # its numbers begin at 0 again
        assert not set(dataset.train.pids) & {*dataset.query.pids, *dataset.gallery.pids}


@pytest.mark.parametrize("role", ROLES)
def test_queries_are_one_per_person_and_camera_with_a_match_elsewhere(
    twin: Callable[[str], Dataset], role: str
) -> None:
    query, gallery = twin(role).query, twin(role).gallery
    pairs = list(zip(query.pids.tolist(), query.cams.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    for pid, cam in pairs:
        assert ((gallery.pids == pid) & (gallery.cams != cam)).any()


def test_market_has_distractors_and_junk_on_disk_only(twin: Callable[[str], Dataset]) -> None:
    dataset = twin("market1501")
    assert (dataset.gallery.pids == 0).sum() == 2 * 5
    assert dataset.gallery.pids.min() == 0
    junk = [p for p in (dataset.root / "bounding_box_test").iterdir() if p.name.startswith("-1")]
    assert junk
    assert 0 not in dataset.query.pids
    assert dataset.train.pids.min() > 0


def test_duke_distractors_are_one_camera_ids_absent_from_the_queries(
    twin: Callable[[str], Dataset],
) -> None:
    dataset = twin("dukemtmc_reid")
    extra = set(dataset.gallery.pids.tolist()) - set(dataset.query.pids.tolist())
    assert len(extra) == 2
    for pid in extra:
        assert len(np.unique(dataset.gallery.cams[dataset.gallery.pids == pid])) == 1


@pytest.mark.parametrize("role", ROLES)
def test_everyone_is_seen_by_several_cameras(twin: Callable[[str], Dataset], role: str) -> None:
    train = twin(role).train
    for pid in np.unique(train.pids):
        assert len(np.unique(train.cams[train.pids == pid])) >= 2


def test_oracle_view_zero_is_the_own_image(twin: Callable[[str], Dataset]) -> None:
    dataset = twin("market1501")
    views, images = dataset.oracle_views(), dataset.images("train")
    assert views.shape == (48, 8, 64, 32, 3)
    own = np.abs(views[:, 0].astype(int) - images).mean(axis=(1, 2, 3))
    back = np.abs(views[:, 4].astype(int) - images).mean(axis=(1, 2, 3))
    assert own.max() < 4  # compression only
    assert (back > own).all()


def test_turned_views_have_another_background_of_the_same_camera(
    twin: Callable[[str], Dataset],
) -> None:
    corner = twin("market1501").oracle_views()[:, :, :4, :4].astype(float)
    assert (np.abs(corner[:, 1:] - corner[:, :1]).mean(axis=(2, 3, 4)) > 1).all()
    cams = twin("market1501").train.cams
    colours = np.stack([corner[cams == cam].mean(axis=(0, 2, 3)) for cam in np.unique(cams)])
    assert np.abs(colours - colours[:, :1]).max() < 30


def test_projections_without_noise_overlay_the_person(cache: Path) -> None:
    data = DATA.model_copy(update={"mesh": MeshSettings(noise_deg=0.0, renderer="raster")})
    dataset = load_dataset("market1501", data, cache)
    world = plan_world(world_spec("market1501"), WORLD)
    shots = [shot for _, shot in named_shots(world, "train")]
    renderer = Renderer(world, 64, 32)
    body = dataset.projections()[:, 0] < 218
    for index in range(0, len(shots), 7):
        (seen,) = renderer.views([shots[index]])
        (scene,) = renderer.views([replace(shots[index], empty=True)])
        person = np.abs(seen[0].astype(int) - scene[0]).max(axis=-1) > 3
        assert (body[index] & person).sum() > 0.92 * body[index].sum()
        assert body[index].sum() > 0.5 * person.sum()


def test_mesh_noise_changes_projections_but_not_images(
    twin: Callable[[str], Dataset], cache: Path
) -> None:
    data = DATA.model_copy(update={"mesh": MeshSettings(noise_deg=12.0, renderer="raster")})
    noisy = load_dataset("market1501", data, cache)
    assert noisy.root == twin("market1501").root
    assert not np.array_equal(noisy.projections(), twin("market1501").projections())


@pytest.mark.parametrize("role", ROLES)
def test_factors_follow_the_training_table(twin: Callable[[str], Dataset], role: str) -> None:
    with (twin(role).root / "factors.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] == "train"]
    assert [row["path"] for row in rows] == list(twin(role).train.paths)
    assert [int(row["pid"]) for row in rows] == twin(role).train.pids.tolist()
    assert [int(row["camera"]) for row in rows] == twin(role).train.cams.tolist()


def test_parameters_follow_the_training_table(twin: Callable[[str], Dataset]) -> None:
    with np.load(twin("market1501").root / "parameters.npz") as truth:
        assert truth["train_pose"].shape == (48, 72)
        assert truth["train_betas"].shape == (48, 10)
        assert truth["train_camera"].shape == (48, 3)
        assert (truth["train_camera"][:, 2] < -1).all()
        betas = truth["train_betas"]
    pids = twin("market1501").train.pids
    for pid in np.unique(pids):
        assert np.ptp(betas[pids == pid], axis=0).max() == 0


def test_the_twins_and_the_pretraining_set_share_no_person(
    twin: Callable[[str], Dataset], cache: Path
) -> None:
    pretrain = load_pretrain_set(DATA, 6, 4, cache)
    assert len(pretrain.train) == 24
    assert len(pretrain.query) == len(pretrain.gallery) == 0
    shapes = []
    for folder in (*(twin(role).root for role in ROLES), pretrain.root):
        with np.load(folder / "parameters.npz") as truth:
            shapes.append({row.tobytes() for row in truth["train_betas"]})
    assert len(set.union(*shapes)) == sum(len(group) for group in shapes)


def test_fingerprint_follows_images_and_on_request_meshes() -> None:
    base = dataset_fingerprint("market1501", DATA, meshes=False)
    noisy = DATA.model_copy(update={"mesh": MeshSettings(noise_deg=1.0)})
    larger = DATA.model_copy(update={"height_px": 128})
    assert dataset_fingerprint("market1501", noisy, meshes=False) == base
    assert dataset_fingerprint("market1501", noisy) != dataset_fingerprint("market1501", DATA)
    assert dataset_fingerprint("market1501", larger, meshes=False) != base
    assert dataset_fingerprint("dukemtmc_reid", DATA, meshes=False) != base


def test_a_world_never_carries_the_name_of_the_real_dataset(
    twin: Callable[[str], Dataset],
) -> None:
    for role in ROLES:
        assert twin(role).synthetic
        assert twin(role).label == f"synthetic_{role}"
        assert twin(role).verify(strict=True) == []


def test_progress_is_told_while_rendering(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    load_dataset("market1501", DATA, tmp_path, lambda *values: told.append(values))
    assert ("synthetic_market1501 train", 48, 48) in told


def test_unknown_role_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="market1501"):
        dataset_fingerprint("market", DATA)


def test_unknown_split_is_named(twin: Callable[[str], Dataset]) -> None:
    with pytest.raises(UsageError, match="no split 'test'"):
        twin("market1501").images("test")  # type: ignore[arg-type]
