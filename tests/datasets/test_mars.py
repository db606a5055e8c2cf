"""MARS: matrices over name lists, the two galleries, the packaged variant, damage."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from gclbench.datasets.fingerprint import dataset_fingerprint
from gclbench.datasets.load import load_dataset
from gclbench.datasets.mars import load_matrix, mars
from gclbench.errors import DataMissingError
from gclbench.registry import REGISTRY
from gclbench.schema.settings import DataSettings, VideoSettings
from gclbench.testing.layouts import (
    MARS_TEST,
    write_image,
    write_mars,
    write_mars_packaged,
    write_mat,
    write_names,
)


def settings(root: Path, **video: object) -> DataSettings:
    chosen = VideoSettings.model_validate(video)
    return DataSettings(root=str(root), height_px=16, width_px=8, video=chosen)


def test_a_row_of_the_matrix_is_a_tracklet(tmp_path: Path) -> None:
    train = mars().read(write_mars(tmp_path))["train"]
    assert train.pids.tolist() == [1, 1, 3]
    assert train.cams.tolist() == [0, 1, 0]
    assert train.spans.tolist() == [0, 3, 5, 7]
    assert train.frames.tolist() == [0, 0, 0]
    assert train.paths[2:4] == (
        "bbox_train/0001/0001C1T0001F003.jpg",
        "bbox_train/0001/0001C2T0001F001.jpg",
    )


def test_the_matrix_says_who_it_is_and_junk_is_dropped(tmp_path: Path) -> None:
    tables = mars().read(write_mars(tmp_path))
    # Folder 0004 is a distractor of the matrix; junk of folder 00-1 is gone.
    assert tables["gallery"].pids.tolist() == [0, 2, 2, 2, 0]
    assert tables["gallery"].cams.tolist() == [2, 0, 0, 5, 4]
    assert tables["query"].pids.tolist() == [2, 2]
    assert tables["query"].cams.tolist() == [0, 5]


def test_the_official_gallery_keeps_the_queries_and_the_other_does_not(tmp_path: Path) -> None:
    write_mars(tmp_path)
    official, without = (
        mars(gallery).read(tmp_path) for gallery in ("official", "without_queries")
    )
    assert set(official["query"].paths) < set(official["gallery"].paths)
    assert not set(without["query"].paths) & set(without["gallery"].paths)
    assert len(official["gallery"]) == len(without["gallery"]) + 2
    assert without["gallery"].pids.tolist() == [0, 2, 0]


def test_the_packaged_variant_is_known_by_its_folders(tmp_path: Path) -> None:
    write_mars_packaged(tmp_path / "mars")
    reader = mars()
    root = reader.find_root(tmp_path)
    tables = reader.read(root)
    assert reader.label(root) == "mars (packaged)"
    assert tables["train"].pids.tolist() == [1, 1]
    assert tables["train"].cams.tolist() == [0, 1]
    # 999 is junk, 1000 the distractors; the query that lies in the gallery too is there once.
    assert sorted(tables["gallery"].pids.tolist()) == [0, 1001, 1001, 1001]
    assert len(tables["gallery"].paths) == 2 + 3 + 2 + 2
    without = mars("without_queries").read(root)
    assert without["gallery"].pids.tolist() == [0, 1001]


def test_of_the_packaged_variant_junk_goes_and_distractors_stay(tmp_path: Path) -> None:
    """By name: as many tracklets are left where the two are taken for each other."""
    root = write_mars_packaged(tmp_path)
    write_image(root / "train_split/0999/1/00-1C2T0001F001.jpg")
    write_image(root / "gallery_split/0999/2/00-1C4T0009F001.jpg")
    write_image(root / "query_split/1000/7/0000C5T0007F001.jpg")
    tables = mars().read(root)
    owners = {
        path.rpartition("/")[0]: int(pid)
        for table in tables.values()
        for pid, first in zip(table.pids, table.spans, strict=False)
        for path in (table.paths[first],)
    }
    assert owners == {
        "train_split/0001/1": 1,
        "train_split/0001/2": 1,
        "query_split/1000/7": 0,
        "query_split/1001/1": 1001,
        "query_split/1001/2": 1001,
        "gallery_split/1000/1": 0,
        "gallery_split/1001/3": 1001,
    }
    assert not any("0999" in path for table in tables.values() for path in table.paths)


def test_the_chosen_gallery_is_in_label_and_fingerprint(tmp_path: Path) -> None:
    root, cache = write_mars(tmp_path / "data"), tmp_path / "cache"
    one, other = (
        load_dataset("mars", settings(root, mars_gallery=gallery), cache)
        for gallery in ("official", "without_queries")
    )
    assert (one.label, other.label) == ("mars", "mars (gallery without queries)")
    assert one.fingerprint != other.fingerprint
    assert len(one.gallery) == 5
    assert len(other.gallery) == 3


def test_lines_in_another_order_change_nothing_but_the_matrix_must_follow(tmp_path: Path) -> None:
    """The order in which files were unpacked, and the name of the root, say nothing."""
    one = write_mars(tmp_path / "a")
    stems = [(stem, count) for stem, count, _ in MARS_TEST]
    names = [f"{stem}F{place:03d}.jpg" for stem, count in stems for place in range(1, count + 1)]
    other = tmp_path / "renamed" / "b"
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    for file in random.Random(2).sample(files, len(files)):
        (other / file).parent.mkdir(parents=True, exist_ok=True)
        (other / file).write_bytes((one / file).read_bytes())
    assert dataset_fingerprint("mars", settings(one)) == dataset_fingerprint(
        "mars", settings(other)
    )
    tables, again = mars().read(one), mars().read(other)
    for split in tables:
        assert tables[split].paths == again[split].paths
        np.testing.assert_array_equal(tables[split].pids, again[split].pids)
    # Frames of a tracklet are put in order, whatever the list's.
    names[4], names[6] = names[6], names[4]
    write_names(other, "test", names)
    assert mars().read(other)["gallery"].paths == tables["gallery"].paths


def test_the_fingerprint_follows_content_and_not_time(tmp_path: Path) -> None:
    import os

    data = settings(write_mars(tmp_path / "data"))
    first = dataset_fingerprint("mars", data, tmp_path / "cache")
    image = tmp_path / "data/bbox_test/0002/0002C6T0001F002.jpg"
    os.utime(image, (1, 1))
    assert dataset_fingerprint("mars", data, tmp_path / "cache") == first
    write_image(image, 250)
    assert dataset_fingerprint("mars", data, tmp_path / "cache") != first


def test_files_that_no_list_names_are_no_part_of_it(tmp_path: Path) -> None:
    data = settings(write_mars(tmp_path))
    before = dataset_fingerprint("mars", data)
    write_image(tmp_path / "bbox_train/0001/0001C1T0009F001.jpg")
    assert dataset_fingerprint("mars", data) == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("info/train_name.txt", r"train_name\.txt is missing"),
        ("info/tracks_test_info.mat", r"tracks_test_info\.mat is missing"),
        ("info/query_IDX.mat", r"query_IDX\.mat is missing"),
        ("bbox_test/0002/0002C1T0002F002.jpg", r"names 0002/0002C1T0002F002\.jpg, which is not"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, name: str, expected: str) -> None:
    (write_mars(tmp_path) / name).unlink()
    with pytest.raises(DataMissingError, match=expected):
        mars().read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0", b"\0" * 200, b"\x00\x01IM" * 99])
def test_a_damaged_matrix_is_named(tmp_path: Path, content: bytes) -> None:
    file = write_mars(tmp_path) / "info/tracks_train_info.mat"
    file.write_bytes(content)
    with pytest.raises(DataMissingError, match=r"tracks_train_info\.mat .*Restore"):
        mars().read(tmp_path)


def test_a_matrix_that_was_cut_off_is_named(tmp_path: Path) -> None:
    file = write_mars(tmp_path) / "info/tracks_test_info.mat"
    whole = file.read_bytes()
    for length in range(0, len(whole) - 8, 16):
        file.write_bytes(whole[:length])
        with pytest.raises(DataMissingError, match=r"tracks_test_info\.mat"):
            mars().read(tmp_path)


@pytest.mark.parametrize(
    "row", [(0, 3, 1, 1), (2, 1, 1, 1), (1, 99, 1, 1), (1, 3, -2, 1), (1, 3, 1, 7), (1, 3, 1, 0)]
)
def test_a_row_that_cannot_be_is_named_with_its_number(
    tmp_path: Path, row: tuple[int, ...]
) -> None:
    file = write_mars(tmp_path) / "info/tracks_train_info.mat"
    write_mat(file, "track_train_info", [(1, 3, 1, 1), row])
    with pytest.raises(DataMissingError, match=r"tracks_train_info\.mat, row 2"):
        mars().read(tmp_path)


@pytest.mark.parametrize("rows", [[[3, 3]], [[0]], [[7]]])
def test_query_rows_must_be_different_test_tracklets(
    tmp_path: Path, rows: list[list[int]]
) -> None:
    write_mat(write_mars(tmp_path) / "info/query_IDX.mat", "query_IDX", rows)
    with pytest.raises(DataMissingError, match=r"different rows of the 6"):
        mars().read(tmp_path)


def test_a_matrix_needs_its_name_its_columns_and_whole_numbers(tmp_path: Path) -> None:
    from scipy.io import savemat

    file = tmp_path / "m.mat"
    write_mat(file, "other", [[1]])
    with pytest.raises(DataMissingError, match="no numbers named track"):
        load_matrix(file, "track")
    savemat(file, {"track": np.array([[1.5]])})
    with pytest.raises(DataMissingError, match="not whole"):
        load_matrix(file, "track")
    savemat(file, {"track": np.array([[2.0, 3.0]])})
    assert load_matrix(file, "track").tolist() == [[2, 3]]
    root = write_mars(tmp_path / "mars")
    write_mat(root / "info/tracks_train_info.mat", "track_train_info", [(1, 2, 3)])
    with pytest.raises(DataMissingError, match=r"not rows of first, last, pid, cam"):
        mars().read(root)


def test_a_name_in_another_grammar_is_named(tmp_path: Path) -> None:
    write_names(write_mars(tmp_path), "train", ["0001C1T0001F001.jpg", "../0001C1T0001F002.jpg"])
    with pytest.raises(DataMissingError, match=r"train_name\.txt, name 2: '\.\./0001"):
        mars().read(tmp_path)


def test_published_counts_hold_together() -> None:
    official, without = mars().expected, mars("without_queries").expected
    assert [official[s].tracklets for s in ("train", "query", "gallery")] == [8298, 1980, 11_310]
    assert without["gallery"].tracklets == 9330
    for sizes in (*official.values(), without["gallery"]):
        assert sum(sizes.cameras) == sizes.tracklets
    assert official["gallery"].images == 543_216 + 114_493


def test_counts_that_differ_are_warned_of_and_refused_in_strict_mode(tmp_path: Path) -> None:
    root = write_mars(tmp_path / "data")
    # What is compared is the dataset, not the frames that are kept of it.
    dataset = load_dataset("mars", settings(root, train_frames_kept=1), tmp_path / "cache")
    assert "MARS train: 7 images, published 509914." in dataset.verify()
    assert "MARS query: 2 tracklets, published 1980." in dataset.verify()
    with pytest.raises(DataMissingError, match="8298"):
        dataset.verify(strict=True)


def test_the_reader_is_registered_by_role() -> None:
    assert REGISTRY.lookup("datasets", "mars").component is mars
