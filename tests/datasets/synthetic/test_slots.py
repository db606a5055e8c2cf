"""The twin of MSMT17: its names and lists, and the light of its time slots."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from gclbench.datasets.base import Dataset
from gclbench.datasets.load import load_dataset
from gclbench.datasets.synthetic.naming import named_shots
from gclbench.datasets.synthetic.render import Renderer
from gclbench.datasets.synthetic.shot import Shot
from gclbench.datasets.synthetic.shots import World, plan_world
from gclbench.datasets.synthetic.sides import train_appearances
from gclbench.datasets.synthetic.slots import slots_of_visits
from gclbench.datasets.synthetic.spec import SlottedSpec, TwinSpec, world_spec
from gclbench.digest import digest
from gclbench.errors import UsageError
from gclbench.schema.settings import DataSettings, WorldSettings

SIZES = WorldSettings(people_train=12, people_test=6, images_per_person=10, distractor_people=3)
DATA = DataSettings(height_px=32, width_px=16, world=SIZES)
# Digests of the knobs of the twins without slots. Every key of what was trained on them hangs on
# these: a new field of TwinSpec would move them, which is why slots have a class of their own.
KNOBS = {
    "market1501": "fcfbc85084fc99b3f0eba0d76939cc22c4f93e227993f7deae923c592f8bcdc6",
    "dukemtmc_reid": "1b9cc4972586ec22794a13cf7b20f8f28e87aa5304df4f248cfcf509309d3e02",
    "pretrain": "f039a1fedd235ac9c1e7409b67ca588e956f7a7f261a04966ca7e30050d27eac",
}


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset("msmt17", DATA, tmp_path_factory.mktemp("msmt17"))


@pytest.fixture(scope="module")
def world() -> World:
    return plan_world(world_spec("msmt17"), SIZES)


def spec_of(world: World) -> SlottedSpec:
    assert isinstance(world.spec, SlottedSpec)
    return world.spec


@pytest.mark.parametrize("role", ["market1501", "dukemtmc_reid", "pretrain"])
def test_the_knobs_of_the_other_twins_are_what_they_were(role: str) -> None:
    assert digest(asdict(world_spec(role))) == KNOBS[role]


def test_there_are_15_cameras_and_12_slots(world: World) -> None:
    spec = spec_of(world)
    assert spec.cameras == 15
    assert len({slot.name for slot in spec.slots}) == 12
    assert len({shot.slot for shot in world.shots}) > 6


def test_lists_and_folders_are_those_of_version_2(twin: Dataset) -> None:
    assert {path.name for path in twin.root.glob("list_*.txt")} == {
        f"list_{name}.txt" for name in ("train", "val", "query", "gallery")
    }
    rows = {name: (twin.root / f"list_{name}.txt").read_text().splitlines() for name in
            ("train", "val", "query", "gallery")}  # fmt: skip
    assert len(rows["val"]) == 12 * 2
    assert len(rows["train"]) + len(rows["val"]) == len(twin.train) == 12 * 10
    assert len(rows["query"]) + len(rows["gallery"]) == 6 * 10
    on_disk = {str(path.relative_to(twin.root)) for path in twin.root.rglob("*.jpg")}
    assert on_disk == {*twin.train.paths, *twin.query.paths, *twin.gallery.paths}
    assert any(path.endswith("_ex.jpg") for path in on_disk)


def test_identities_begin_at_0_in_training_and_in_test_and_nobody_distracts(
    twin: Dataset,
) -> None:
    assert np.unique(twin.train.pids).tolist() == list(range(12))
    assert np.unique(twin.query.pids).tolist() == list(range(6))
    assert np.unique(twin.gallery.pids).tolist() == list(range(6))


def test_a_slot_changes_light_and_colour_of_outdoor_cameras_only(world: World) -> None:
    spec, shot = spec_of(world), world.split("train")[0]
    names = [slot.name for slot in spec.slots]
    noon, evening = names.index("0303noon"), names.index("0303afternoon")
    outdoor, indoor = replace(shot, camera=0), replace(shot, camera=spec.indoor[0])

    def seen(picture: Shot, slot: int) -> np.ndarray:
        (view,) = Renderer(world, 32, 16).views([replace(picture, slot=slot)])
        return view[0].astype(float)

    bright, warm = seen(outdoor, noon), seen(outdoor, evening)
    assert bright.mean() > 1.1 * warm.mean()
    red, _, blue = warm.mean(axis=(0, 1)) / bright.mean(axis=(0, 1))
    assert red > 1.1 * blue
    np.testing.assert_array_equal(seen(indoor, noon), seen(indoor, evening))


def test_factors_know_the_light_of_the_slot(twin: Dataset, world: World) -> None:
    named = named_shots(world, "train")
    light = twin.factors("train").light
    assert [path.rpartition("/")[2] for path in twin.train.paths] == [name for name, _ in named]
    for index, (_, shot) in enumerate(named):
        gain = world.cameras[shot.camera].gain
        if shot.camera not in spec_of(world).indoor:
            slot = spec_of(world).slots[shot.slot]
            gain = gain * slot.exposure * np.array([1 + slot.warmth, 1, 1 - slot.warmth])
        assert light[index] == pytest.approx(np.log(gain.mean() * shot.exposure))


def test_the_table_tells_slots_and_numbers_of_the_plan(twin: Dataset, world: World) -> None:
    shots = [shot for _, shot in named_shots(world, "train")]
    numbers = [shot.frame // spec_of(world).frames_per_number for shot in shots]
    assert (twin.train.frames % twin.train.clock_frames).tolist() == numbers
    clocks = (twin.train.frames // twin.train.clock_frames).tolist()
    assert len(set(zip(clocks, [shot.slot for shot in shots], strict=True))) == len(set(clocks))
    assert twin.train.cams.tolist() == [shot.camera for shot in shots]


def test_most_people_stay_in_one_slot_and_some_return_in_another() -> None:
    rng = np.random.default_rng(0)
    drawn = [slots_of_visits(4, 12, 0.25, rng) for _ in range(2000)]
    again = [slots for slots in drawn if len(set(slots)) == 2]
    assert len(again) / 2000 == pytest.approx(0.25, abs=0.04)
    assert all(slots[0] == slots[1] != slots[2] == slots[3] for slots in again)
    assert {slot for slots in drawn for slot in slots} == set(range(12))


def test_appearances_are_named_by_the_images_paths(twin: Dataset) -> None:
    assert list(train_appearances("msmt17", SIZES)) == list(twin.train.paths)


def test_projections_lie_over_the_people_of_their_rows(twin: Dataset) -> None:
    body = twin.projections()[:, 0] < 218
    views, images = twin.oracle_views(), twin.images("train")
    assert np.abs(views[:, 0].astype(int) - images).mean(axis=(1, 2, 3)).max() < 5
    assert (body.mean(axis=(1, 2)) > 0.05).all()
    with np.load(twin.root / "parameters.npz") as truth:
        betas = truth["train_betas"]
    for pid in np.unique(twin.train.pids):
        assert np.ptp(betas[twin.train.pids == pid], axis=0).max() == 0
    assert len({row.tobytes() for row in betas}) == 12


def test_held_out_people_keep_their_clocks(tmp_path: Path) -> None:
    part = load_dataset("msmt17", DATA.model_copy(update={"validation_share": 0.25}), tmp_path)
    assert len(np.unique(part.train.pids)) == 9
    assert part.images("query").shape[0] == len(part.query)
    assert part.train.clock_frames > 0


def test_a_world_too_large_for_the_digits_is_refused() -> None:
    spec: TwinSpec = world_spec("msmt17")
    crowd = plan_world(spec, SIZES.model_copy(update={"images_per_person": 1001}))
    with pytest.raises(UsageError, match=r"no name of MSMT17.*images_per_person"):
        named_shots(crowd, "train")
