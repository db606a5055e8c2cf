"""DukeMTMC-VideoReID: two styles of names, gaps, distractors, counts; thinning of real tables."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from gclbench.datasets.dukemtmc_videoreid import dukemtmc_videoreid
from gclbench.datasets.fingerprint import dataset_fingerprint
from gclbench.datasets.load import load_dataset
from gclbench.errors import DataMissingError
from gclbench.registry import REGISTRY
from gclbench.schema.settings import VIDEO_ROLES, DataSettings, VideoSettings
from gclbench.testing.layouts import (
    write_duke_video,
    write_image,
    write_market,
    write_mars,
)

ROLE = "dukemtmc_videoreid"


def settings(root: Path, **video: object) -> DataSettings:
    chosen = VideoSettings.model_validate(video)
    return DataSettings(root=str(root), height_px=16, width_px=8, video=chosen)


@pytest.mark.parametrize("old", [False, True])
def test_both_styles_of_names_give_the_same_tables(tmp_path: Path, old: bool) -> None:
    tables = dukemtmc_videoreid().read(write_duke_video(tmp_path, old_names=old))
    train = tables["train"]
    assert train.pids.tolist() == [1, 1, 5]
    assert train.cams.tolist() == [5, 1, 7]
    assert train.frames.tolist() == [30_823, 40_000, 100]
    assert train.spans.tolist() == [0, 3, 7, 9]
    assert tables["query"].pids.tolist() == [2]
    assert tables["gallery"].pids.tolist() == [2, 7001]
    assert tables["gallery"].cams.tolist() == [2, 4]


def test_frames_follow_the_number_after_f_through_gaps(tmp_path: Path) -> None:
    train = dukemtmc_videoreid().read(write_duke_video(tmp_path))["train"]
    assert [path.rpartition("/")[2] for path in train.paths[3:7]] == [
        "0001_C2_F0002_X40000.jpg",
        "0001_C2_F0003_X40012.jpg",
        "0001_C2_F0005_X40036.jpg",
        "0001_C2_F0010_X40096.jpg",
    ]


def test_frames_are_sorted_by_f_where_names_would_not_be(tmp_path: Path) -> None:
    """The camera and the frame of the video stand elsewhere in the name: only F counts."""
    write_duke_video(tmp_path)
    folder = tmp_path / "train/0005/0001"
    shutil.move(folder / "0005_C8_F0001_X100.jpg", folder / "0005C8F0003X124.jpg")
    train = dukemtmc_videoreid().read(tmp_path)["train"]
    names = [path.rpartition("/")[2] for path in train.paths[7:]]
    assert names == ["0005_C8_F0002_X112.jpg", "0005C8F0003X124.jpg"]
    assert names != sorted(names)
    assert train.frames[2] == 112


@pytest.mark.parametrize("sub", ["", "DukeMTMC-VideoReID", "dukemtmc_videoreid"])
def test_it_is_found_in_the_usual_folders_and_nothing_else_is_taken(
    tmp_path: Path, sub: str
) -> None:
    reader = dukemtmc_videoreid()
    with pytest.raises(DataMissingError, match=r"DukeMTMC-VideoReID is not under .*data\.root"):
        reader.find_root(write_market(tmp_path / "market"))
    write_duke_video(tmp_path / sub)
    assert reader.find_root(tmp_path) == tmp_path / sub


def test_a_tracklet_of_two_cameras_is_an_error(tmp_path: Path) -> None:
    write_image(write_duke_video(tmp_path) / "train/0005/0001/0005_C7_F0009_X9.jpg")
    with pytest.raises(DataMissingError, match=r"0005/0001 has frames of cameras 7 and 8"):
        dukemtmc_videoreid().read(tmp_path)


def test_other_files_and_empty_folders_are_passed_over(tmp_path: Path) -> None:
    write_duke_video(tmp_path)
    before = dataset_fingerprint(ROLE, settings(tmp_path))
    (tmp_path / "train/0001/0001/Thumbs.db").write_bytes(b"x")
    (tmp_path / "train/0001/0009").mkdir()
    (tmp_path / "train/readme").mkdir()
    assert len(dukemtmc_videoreid().read(tmp_path)["train"]) == 3
    assert dataset_fingerprint(ROLE, settings(tmp_path)) == before


def test_the_order_of_files_and_the_name_of_the_root_change_nothing(tmp_path: Path) -> None:
    one, other = write_duke_video(tmp_path / "a"), tmp_path / "other" / "b"
    files = sorted(path.relative_to(one) for path in one.rglob("*.jpg"))
    for file in random.Random(3).sample(files, len(files)):
        (other / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(one / file, other / file)
    reader = dukemtmc_videoreid()
    for split, table in reader.read(one).items():
        again = reader.read(other)[split]
        assert table.paths == again.paths
        np.testing.assert_array_equal(table.frames, again.frames)
    assert len({dataset_fingerprint(ROLE, settings(root)) for root in (one, other)}) == 1


def test_what_only_papers_say_is_told_and_never_refused(tmp_path: Path) -> None:
    dataset = load_dataset(ROLE, settings(write_duke_video(tmp_path)), tmp_path / "cache")
    found = dataset.verify()
    assert "DukeMTMC-VideoReID gallery: 2 tracklets, published 2636." in found
    assert "DukeMTMC-VideoReID test: 7 images, published 445764." in found
    with pytest.raises(DataMissingError) as caught:
        dataset.verify(strict=True)
    assert "train: 3 tracklets, published 2196." in str(caught.value)
    assert "gallery" not in str(caught.value)
    assert "images" not in str(caught.value)


@pytest.mark.parametrize("role", VIDEO_ROLES)
def test_thinned_frames_are_those_of_the_images_and_enter_the_fingerprint(
    tmp_path: Path, role: str
) -> None:
    write = {"mars": write_mars, ROLE: write_duke_video}[role]
    root, cache = write(tmp_path / "data"), tmp_path / "cache"
    whole = load_dataset(role, settings(root, train_frames_kept=0), cache)
    thin = load_dataset(role, settings(root, train_frames_kept=2, test_frames_kept=1), cache)
    assert np.diff(thin.train.spans).max() == 2
    assert set(np.diff(thin.query.spans)) == set(np.diff(thin.gallery.spans)) == {1}
    rows = [whole.train.paths.index(path) for path in thin.train.paths]
    np.testing.assert_array_equal(thin.images("train"), whole.images("train")[rows])
    prints = {
        dataset_fingerprint(role, settings(root, **video), cache, meshes=False)
        for video in ({}, {"train_frames_kept": 2}, {"test_frames_kept": 2})
    }
    assert len(prints) == 3
    assert thin.fingerprint == dataset_fingerprint(
        role, settings(root, train_frames_kept=2, test_frames_kept=1), cache, meshes=False
    )
    # How many frames a step sees is read by stage 3, and is no part of the data.
    assert dataset_fingerprint(role, settings(root, mars_frames=5)) == dataset_fingerprint(
        role, settings(root)
    )


def test_video_settings_say_nothing_of_images_and_one_gallery_nothing_of_duke(
    tmp_path: Path,
) -> None:
    write_market(tmp_path / "market")
    write_duke_video(tmp_path / "duke")
    video = {"train_frames_kept": 3, "test_frames_kept": 4, "mars_gallery": "without_queries"}
    for role, root, chosen in (
        ("market1501", tmp_path / "market", video),
        (ROLE, tmp_path / "duke", {"mars_gallery": "without_queries"}),
    ):
        prints = {dataset_fingerprint(role, settings(root, **each)) for each in ({}, chosen)}
        assert len(prints) == 1


def test_the_reader_is_registered_by_role() -> None:
    assert REGISTRY.lookup("datasets", ROLE).component is dukemtmc_videoreid
