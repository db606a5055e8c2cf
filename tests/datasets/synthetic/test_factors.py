"""True factors of the world's images, against what was written beside the images."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gclbench.datasets.base import Dataset
from gclbench.datasets.load import load_dataset
from gclbench.datasets.synthetic.cameras import SceneCamera
from gclbench.datasets.synthetic.factors import true_factors
from gclbench.datasets.synthetic.shots import World, plan_world
from gclbench.datasets.synthetic.spec import world_spec
from gclbench.schema.settings import DataSettings, WorldSettings

WORLD = WorldSettings(people_train=4, people_test=14, images_per_person=6, distractor_people=2)
DATA = DataSettings(height_px=16, width_px=8, world=WORLD)
ROLES = ("market1501", "dukemtmc_reid")
SPLITS = ("train", "query", "gallery")
Twin = Callable[[str], Dataset]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    cache = tmp_path_factory.mktemp("worlds")
    return lambda role: load_dataset(role, DATA, cache)


def plan(role: str) -> World:
    return plan_world(world_spec(role), WORLD)


def written(dataset: Dataset, split: str) -> list[dict[str, str]]:
    """The lines of factors.csv for a table's images, in the table's order."""
    with (dataset.root / "factors.csv").open(newline="", encoding="utf-8") as handle:
        by_path = {line["path"]: line for line in csv.DictReader(handle)}
    return [by_path[path] for path in dataset.table(split).paths]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("split", SPLITS)
def test_yaw_and_light_are_those_of_the_image_in_that_place(
    twin: Twin, role: str, split: str
) -> None:
    dataset = twin(role)
    factors, lines = dataset.factors(split), written(dataset, split)
    cameras: tuple[SceneCamera, ...] = plan(role).cameras
    np.testing.assert_allclose(factors.yaw_deg, [float(x["yaw_deg"]) for x in lines], atol=1e-6)
    light = [
        np.log(float(x["exposure"])) + np.log(np.mean(cameras[int(x["camera"])].gain))
        for x in lines
    ]
    np.testing.assert_allclose(factors.light, light, atol=1e-5)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("split", SPLITS)
def test_pose_is_that_of_the_image_in_that_place(twin: Twin, role: str, split: str) -> None:
    """parameters.npz has a row for every file, junk too; the reader's table drops the junk."""
    dataset = twin(role)
    folder = Path(dataset.table(split).paths[0]).parent
    files = sorted(path.name for path in (dataset.root / folder).glob("*.jpg"))
    with np.load(dataset.root / "parameters.npz") as arrays:
        pose = dict(zip(files, arrays[f"{split}_pose"], strict=True))
    expected = [pose[Path(path).name].reshape(24, 3)[1:] for path in dataset.table(split).paths]
    np.testing.assert_allclose(dataset.factors(split).pose, expected, atol=1e-6)


def test_markets_gallery_has_junk_that_the_factors_leave_out(twin: Twin) -> None:
    dataset = twin("market1501")
    files = list((dataset.root / "bounding_box_test").glob("*.jpg"))
    assert len(dataset.factors("gallery").yaw_deg) == len(dataset.gallery) < len(files)


@pytest.mark.parametrize("role", ROLES)
def test_phase_says_where_in_the_stride_the_legs_are(twin: Twin, role: str) -> None:
    """The left thigh swings with the sine of the phase (wobble: 2 degrees a joint)."""
    dataset = twin(role)
    phase = np.array([float(line["phase"]) for line in written(dataset, "train")])
    thigh = -dataset.factors("train").pose[:, 0, 0]
    assert np.corrcoef(thigh, np.sin(2 * np.pi * phase))[0, 1] > 0.9


@pytest.mark.parametrize("role", ROLES)
def test_one_person_is_dressed_alike_in_every_image_and_others_are_not(
    twin: Twin, role: str
) -> None:
    dataset = twin(role)
    worn = np.concatenate([dataset.factors(split).clothes for split in ("query", "gallery")])
    pids = np.concatenate([dataset.query.pids, dataset.gallery.pids])
    outfits = {int(pid): np.unique(worn[pids == pid], axis=0) for pid in set(pids) - {0}}
    assert {len(rows) for rows in outfits.values()} == {1}
    assert len({rows.tobytes() for rows in outfits.values()}) > 1
    assert ((worn >= 0) & (worn <= 255)).all()
    assert worn.max() > 1  # bytes, not fractions


def test_factors_follow_the_names_given(twin: Twin) -> None:
    dataset = twin("dukemtmc_reid")
    names = [Path(path).name for path in dataset.query.paths]
    turned = true_factors(plan("dukemtmc_reid"), "query", names[::-1])
    np.testing.assert_array_equal(turned.yaw_deg[::-1], dataset.factors("query").yaw_deg)
