"""Twins of MARS and DukeMTMC-VideoReID: real layouts, smooth tracklets, rows that fit."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gclbench.datasets.base import Dataset
from gclbench.datasets.fingerprint import dataset_fingerprint
from gclbench.datasets.load import load_dataset
from gclbench.datasets.mars import load_matrix
from gclbench.datasets.synthetic.shot import Shot
from gclbench.datasets.synthetic.shots import plan_world
from gclbench.datasets.synthetic.sides import train_appearances
from gclbench.datasets.synthetic.sizes import scaled
from gclbench.datasets.synthetic.spec import TrackletSpec, world_spec
from gclbench.datasets.synthetic.write import parameter_rows
from gclbench.digest import digest
from gclbench.schema.settings import (
    VIDEO_ROLES,
    DataSettings,
    MeshSettings,
    VideoSettings,
    WorldSettings,
)

WORLD = WorldSettings(people_train=16, people_test=12, images_per_person=6, distractor_people=4)
DATA = DataSettings(
    height_px=32, width_px=16, world=WORLD, video=VideoSettings(train_frames_kept=0)
)
SPLITS = ("train", "query", "gallery")
Twin = Callable[[str], Dataset]
# Every key of what was trained on the twins hangs on these.
KNOBS = {
    "mars": "9c44b8ec9e87239b6832eb380f3afa91c1b52c1f440e9a87ccbcfd23b7c13fbb",
    "dukemtmc_videoreid": "d5519fcfcb7ccb3b7e44dd252c8333cdbf45b2fb760a24f98cd3076df4a24e9a",
    "msmt17": "063eb3acb8b9047381d893ff9a4df5190ad1bbd75da7625316df60c2a6d7eef3",
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module")
def twin(cache: Path) -> Twin:
    return lambda role: load_dataset(role, DATA, cache)


def spec_of(role: str) -> TrackletSpec:
    spec = world_spec(role)
    assert isinstance(spec, TrackletSpec)
    return spec


def tracklets(role: str) -> list[list[Shot]]:
    """The planned tracklets, in the order of the plan."""
    found: dict[tuple[int, int], list[Shot]] = {}
    for shot in plan_world(spec_of(role), WORLD).shots:
        found.setdefault((shot.person, shot.tracklet), []).append(shot)
    return list(found.values())


def file_bytes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("role", KNOBS)
def test_the_knobs_of_a_twin_stay_what_they_are(role: str) -> None:
    assert digest(asdict(world_spec(role))) == KNOBS[role]


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_equal_seeds_give_equal_bytes_and_others_do_not(tmp_path: Path, role: str) -> None:
    sizes = {"people_train": 4, "people_test": 4, "images_per_person": 4, "distractor_people": 2}
    few = [
        DATA.model_copy(update={"world": WorldSettings(seed=seed, **sizes)}) for seed in (0, 0, 1)
    ]
    made = [load_dataset(role, data, tmp_path / str(k)) for k, data in enumerate(few)]
    one, again, other = (file_bytes(each.root) for each in made)
    assert one == again
    assert made[2].fingerprint != made[0].fingerprint
    images = [
        {file for path, file in each.items() if path.endswith("jpg")} for each in (one, other)
    ]
    assert not images[0] & images[1]


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_people_and_tracklets_are_as_many_as_the_sizes_say(twin: Twin, role: str) -> None:
    dataset, sizes, spec = twin(role), scaled(WORLD, spec_of(role)), spec_of(role)
    train = dataset.train
    assert Counter(train.pids.tolist()).most_common()[-1][1] == sizes.images_per_person
    assert len(np.unique(train.pids)) == sizes.people_train
    assert len(np.unique(dataset.query.pids)) == sizes.people_test
    lengths = np.concatenate([np.diff(dataset.table(split).spans) for split in SPLITS])
    assert lengths.min() >= spec.boxes[0]
    assert lengths.max() <= spec.boxes[1]
    for pid in np.unique(train.pids):
        assert len(np.unique(train.cams[train.pids == pid])) >= 2
    assert not set(train.pids.tolist()) & set(dataset.gallery.pids.tolist())


def test_the_mars_twin_has_lists_matrices_junk_distractors_and_queries_in_the_gallery(
    twin: Twin,
) -> None:
    dataset = twin("mars")
    info = dataset.root / "info"
    matrix = load_matrix(info / "tracks_test_info.mat", "track_test_info")
    names = (info / "test_name.txt").read_text().splitlines()
    assert {-1, 0} < set(matrix[:, 2].tolist())
    assert matrix[0, 0] == 1
    assert (matrix[1:, 0] == matrix[:-1, 1] + 1).all()
    assert matrix[-1, 1] == len(names)
    on_disk = {path.name for path in (dataset.root / "bbox_test").rglob("*.jpg")}
    assert on_disk == set(names)
    folders = {path.name for path in (dataset.root / "bbox_test").iterdir()}
    assert {"00-1", "0000"} < folders
    assert set(dataset.query.paths) < set(dataset.gallery.paths)
    pairs = list(zip(dataset.query.pids.tolist(), dataset.query.cams.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert -1 not in dataset.gallery.pids
    assert 0 in dataset.gallery.pids


def test_the_mars_twin_without_queries_is_the_same_files(twin: Twin, cache: Path) -> None:
    video = DATA.video.model_copy(update={"mars_gallery": "without_queries"})
    without = load_dataset("mars", DATA.model_copy(update={"video": video}), cache)
    whole = twin("mars")
    assert without.root == whole.root
    assert without.fingerprint != whole.fingerprint
    assert len(without.gallery) == len(whole.gallery) - len(whole.query)


def test_the_duke_twin_queries_everyone_once_and_marks_distractors(twin: Twin) -> None:
    dataset = twin("dukemtmc_videoreid")
    assert len(np.unique(dataset.query.pids)) == len(dataset.query)
    assert not set(dataset.query.paths) & set(dataset.gallery.paths)
    extra = set(dataset.gallery.pids.tolist()) - set(dataset.query.pids.tolist())
    spans, gallery = dataset.gallery.spans, dataset.gallery
    assert extra
    for sample, pid in enumerate(gallery.pids.tolist()):
        marks = {path.rpartition("_")[2][0] for path in
                 gallery.paths[spans[sample] : spans[sample + 1]]}  # fmt: skip
        assert marks == ({"D"} if pid in extra else {"X"})


def test_duke_names_begin_at_1_or_2_and_some_have_gaps() -> None:
    numbers = [[shot.box for shot in boxes] for boxes in tracklets("dukemtmc_videoreid")]
    assert {boxes[0] for boxes in numbers} == {1, 2}
    steps = [after - before for boxes in numbers for before, after in pairwise(boxes)]
    assert set(steps) == {1, 2}
    assert steps.count(2) < 0.1 * len(steps)


def test_a_tracklets_time_is_that_of_its_first_box(twin: Twin) -> None:
    dataset = twin("dukemtmc_videoreid")
    planned = {(boxes[0].pid, boxes[0].camera, boxes[0].frame) for boxes in
               tracklets("dukemtmc_videoreid") if boxes[0].split == "train"}  # fmt: skip
    table = dataset.train
    read = set(zip(table.pids.tolist(), table.cams.tolist(), table.frames.tolist(), strict=True))
    assert read == planned


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_the_stride_goes_on_from_box_to_box_and_the_view_hardly_turns(role: str) -> None:
    spec = spec_of(role)
    for boxes in tracklets(role):
        for before, after in pairwise(boxes):
            frames = after.frame - before.frame
            assert frames % spec.frame_step == 0
            expected = (before.phase + frames / spec.stride_frames) % 1.0
            assert abs((after.phase - expected + 0.5) % 1.0 - 0.5) < 1e-9
            turned = abs((after.yaw_deg - before.yaw_deg + 180) % 360 - 180)
            assert turned < 6 * spec.yaw_drift_deg
            assert abs(after.shift_right - before.shift_right) < 6 * spec.shift_drift_sd
            assert 0 <= after.scene_offset <= 1


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_tracklets_of_one_person_do_not_overlap_in_time(role: str) -> None:
    people: dict[int, list[list[Shot]]] = {}
    for boxes in tracklets(role):
        if boxes[0].pid > 0:
            people.setdefault(boxes[0].person, []).append(boxes)
    for walks in people.values():
        for before, after in pairwise(walks):
            assert before[-1].frame < after[0].frame


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_neighbouring_frames_look_more_alike_than_other_tracklets(twin: Twin, role: str) -> None:
    dataset = twin(role)
    images, spans = dataset.images("train").astype(float), dataset.train.spans
    starts = spans[:-1]
    near = np.abs(images[starts] - images[starts + 1]).mean()
    far = np.abs(images[starts] - np.roll(images[starts], 1, axis=0)).mean()
    assert near < 0.7 * far


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_a_body_for_every_frame_in_the_tables_order(twin: Twin, role: str) -> None:
    dataset = twin(role)
    with (dataset.root / "factors.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] == "train"]
    assert [row["path"] for row in rows] == list(dataset.train.paths)
    with np.load(dataset.root / "parameters.npz") as truth:
        assert truth["train_pose"].shape == (len(dataset.train.paths), 72)
        betas = truth["train_betas"]
        written = sum(len(truth[f"{split}_pose"]) for split in SPLITS)
    people = np.repeat(dataset.train.pids, np.diff(dataset.train.spans))
    for pid in np.unique(people):
        assert np.ptp(betas[people == pid], axis=0).max() == 0
    assert written == len(list(dataset.root.rglob("*.jpg")))


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_projections_and_true_views_of_kept_frames_are_rows_of_the_whole(
    twin: Twin, cache: Path, role: str
) -> None:
    mesh = MeshSettings(renderer="raster")
    data = DATA.model_copy(update={"mesh": mesh})
    whole = load_dataset(role, data, cache)
    kept = data.model_copy(update={"video": VideoSettings(train_frames_kept=2)})
    thin = load_dataset(role, kept, cache)
    assert thin.root == whole.root
    rows = [whole.train.paths.index(path) for path in thin.train.paths]
    assert rows != list(range(len(rows)))
    np.testing.assert_array_equal(
        parameter_rows(whole.root, "train", thin.train.paths), np.array(rows)
    )
    np.testing.assert_array_equal(thin.projections(), whole.projections()[rows])
    views = thin.oracle_views()
    own = np.abs(views[:, 0].astype(int) - thin.images("train")).mean(axis=(1, 2, 3))
    assert own.max() < 6  # compression only


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_projections_lie_over_the_people_of_their_frames(twin: Twin, role: str) -> None:
    mesh = MeshSettings(noise_deg=0.0, renderer="raster")
    data = DATA.model_copy(update={"mesh": mesh, "video": VideoSettings(train_frames_kept=2)})
    dataset = load_dataset(role, data, twin(role).root.parents[1])
    body = dataset.projections()[:, 0] < 218
    shares = body.mean(axis=(1, 2))
    assert ((shares > 0.08) & (shares < 0.6)).all()
    # The middle of the body is the middle of the person: there colours differ from the border's.
    assert body[:, 12:16, 6:10].mean() > 0.8


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_factors_are_not_told_of_tracklets_and_sides_are_told_of_frames(
    twin: Twin, role: str
) -> None:
    assert twin(role).factors("query") is None
    assert list(train_appearances(role, WORLD)) == list(twin(role).train.paths)


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_held_out_people_keep_their_tracklets_whole(cache: Path, role: str) -> None:
    data = DATA.model_copy(update={"validation_share": 0.4})
    whole, part = load_dataset(role, DATA, cache), load_dataset(role, data, cache)
    spans = whole.train.spans
    known = {whole.train.paths[a:b] for a, b in pairwise(spans)}
    for split in SPLITS:
        table = part.table(split)
        assert {table.paths[a:b] for a, b in pairwise(table.spans)} <= known
        rows = [whole.train.paths.index(path) for path in table.paths]
        np.testing.assert_array_equal(part.images(split), whole.images("train")[rows])
    held = set(part.gallery.pids.tolist())
    assert held == set(part.query.pids.tolist())
    assert not held & set(part.train.pids.tolist())
    assert set(part.query.paths) <= set(part.gallery.paths)
    assert len(part.train) + len(part.gallery) == len(whole.train)
    # Every query has somebody to find before another camera.
    for pid, cam in zip(part.query.pids, part.query.cams, strict=True):
        assert ((part.gallery.pids == pid) & (part.gallery.cams != cam)).any()


def test_the_twins_of_tracklets_share_no_person(twin: Twin) -> None:
    shapes = []
    for role in VIDEO_ROLES:
        with np.load(twin(role).root / "parameters.npz") as truth:
            shapes.append({row.tobytes() for row in truth["train_betas"]})
    assert not shapes[0] & shapes[1]


def test_kept_frames_enter_the_fingerprint_of_a_twin_and_say_nothing_of_images() -> None:
    thin = DATA.model_copy(update={"video": VideoSettings(train_frames_kept=3)})
    for role in (*VIDEO_ROLES, "market1501", "msmt17"):
        same = dataset_fingerprint(role, DATA) == dataset_fingerprint(role, thin)
        assert same == (role not in VIDEO_ROLES)
