"""MSMT17: lists, names, versions, slots, and what is said where something is wrong."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gclbench.datasets.fingerprint import dataset_fingerprint
from gclbench.datasets.load import load_dataset
from gclbench.datasets.msmt17 import VERSIONS, msmt17
from gclbench.errors import DataMissingError
from gclbench.registry import REGISTRY
from gclbench.schema.settings import DataSettings, MeshSettings

LISTS = {
    "list_train.txt": [
        "0000/0000_001_01_0303morning_0008_0_ex.jpg 0",
        "0000/0000_004_14_0303noon_1946_2.jpg 0",
        "0001/0001_000_15_0113afternoon_0021_1.jpg 1",
    ],
    "list_val.txt": ["0000/0000_002_03_0303morning_0012_1.jpg 0"],
    "list_query.txt": ["0000/0000_000_02_0114noon_0100_0.jpg 0"],
    "list_gallery.txt": [
        "0000/0000_001_07_0114noon_0110_0.jpg 0",
        "0001/0001_000_07_0302afternoon_0001_0_ex.jpg 1",
    ],
}


def write(root: Path, version: str = "V2", lists: dict[str, list[str]] | None = None) -> Path:
    """A miniature in the real layout: lists beside two image folders, a folder for each id."""
    chosen = LISTS if lists is None else lists
    for index, (name, lines) in enumerate(LISTS.items()):
        folder = root / VERSIONS[version][index // 2]
        for line in lines:
            path = folder / line.split()[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 16), (0, 100, 50 * index)).save(path, "JPEG")
        if name in chosen:
            (root / name).write_text("".join(f"{line}\n" for line in chosen[name]))
    return root


def settings(root: Path) -> DataSettings:
    return DataSettings(root=str(root), height_px=16, width_px=8)


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_training_is_train_and_val_sorted_by_path(tmp_path: Path, version: str) -> None:
    train = msmt17().read(write(tmp_path, version))["train"]
    folder = VERSIONS[version][0]
    assert train.paths == (
        f"{folder}/0000/0000_001_01_0303morning_0008_0_ex.jpg",
        f"{folder}/0000/0000_002_03_0303morning_0012_1.jpg",
        f"{folder}/0000/0000_004_14_0303noon_1946_2.jpg",
        f"{folder}/0001/0001_000_15_0113afternoon_0021_1.jpg",
    )
    assert train.pids.tolist() == [0, 0, 0, 1]
    assert train.cams.tolist() == [0, 2, 13, 14]


def test_frames_count_within_the_slot_and_slots_are_apart(tmp_path: Path) -> None:
    train = msmt17().read(write(tmp_path))["train"]
    assert (train.frames % train.clock_frames).tolist() == [8, 12, 1946, 21]
    slots = (train.frames // train.clock_frames).tolist()
    assert slots[0] == slots[1]
    assert len(set(slots)) == 3
    # In the order of the calendar: 13 January, then the morning and the noon of 3 March.
    assert slots[3] < slots[0] < slots[2]


def test_query_and_gallery_come_from_their_lists_in_the_test_folder(tmp_path: Path) -> None:
    tables = msmt17().read(write(tmp_path))
    assert tables["query"].paths == ("mask_test_v2/0000/0000_000_02_0114noon_0100_0.jpg",)
    assert tables["gallery"].pids.tolist() == [0, 1]
    assert tables["gallery"].cams.tolist() == [6, 6]


def test_the_order_of_lines_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path / "a")
    shuffled = {name: random.Random(1).sample(lines, len(lines)) for name, lines in LISTS.items()}
    assert shuffled["list_train.txt"] != LISTS["list_train.txt"]
    write(tmp_path / "b", lists=shuffled)
    one, other = msmt17().read(tmp_path / "a"), msmt17().read(tmp_path / "b")
    for split in one:
        assert one[split].paths == other[split].paths
        assert one[split].frames.tolist() == other[split].frames.tolist()


def test_the_list_says_who_it_is_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path)
    line = "0001/0001_000_15_0113afternoon_0021_1.jpg 17"
    (tmp_path / "list_train.txt").write_bytes(f"{line}\r\n\r\n".encode())
    assert msmt17().read(tmp_path)["train"].pids.tolist() == [0, 17]


def test_files_that_no_list_names_are_no_part_of_it(tmp_path: Path) -> None:
    write(tmp_path)
    before = dataset_fingerprint("msmt17", settings(tmp_path))
    (tmp_path / "mask_train_v2" / "Thumbs.db").write_bytes(b"x")
    extra = tmp_path / "mask_train_v2" / "0000" / "0000_009_01_0303morning_0099_0.jpg"
    Image.new("RGB", (8, 16)).save(extra)
    assert len(msmt17().read(tmp_path)["train"]) == 4
    assert dataset_fingerprint("msmt17", settings(tmp_path)) == before


@pytest.mark.parametrize("name", LISTS)
def test_a_missing_list_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, lists={other: lines for other, lines in LISTS.items() if other != name})
    with pytest.raises(DataMissingError, match=rf"{name} is missing .*Restore"):
        load_dataset("msmt17", settings(tmp_path), tmp_path / "cache")


def test_a_listed_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    gone = "mask_test_v2/0001/0001_000_07_0302afternoon_0001_0_ex.jpg"
    (tmp_path / gone).unlink()
    with pytest.raises(DataMissingError, match=rf"{gone}, which is not there\. Restore"):
        dataset_fingerprint("msmt17", settings(tmp_path))


@pytest.mark.parametrize(
    "line",
    [
        "0000/0000_001_00_0303morning_0008_0.jpg 0",
        "0000/0000_001_01_0303evening_0008_0.jpg 0",
        "0000/0000_001_01_0303morning_0008_0.png 0",
        "0000/0000_001_01_0303morning_0008_0.jpg",
        "../0000/0000_001_01_0303morning_0008_0.jpg 0",
    ],
)
def test_a_line_in_another_grammar_is_named_with_its_number(tmp_path: Path, line: str) -> None:
    write(tmp_path)
    (tmp_path / "list_query.txt").write_text(f"{LISTS['list_query.txt'][0]}\n{line}\n")
    with pytest.raises(DataMissingError, match=r"list_query\.txt, line 2: .*Restore"):
        msmt17().read(tmp_path)


def test_an_image_in_train_and_val_is_an_error(tmp_path: Path) -> None:
    both = LISTS | {"list_val.txt": LISTS["list_train.txt"][:1]}
    with pytest.raises(DataMissingError, match=r"0008_0_ex\.jpg twice"):
        msmt17().read(write(tmp_path, lists=both))


@pytest.mark.parametrize("sub", ["", "MSMT17_V1", "MSMT17_V2", "msmt17", "msmt17/MSMT17_V2"])
def test_it_is_found_in_the_usual_folders(tmp_path: Path, sub: str) -> None:
    write(tmp_path / sub)
    assert msmt17().find_root(tmp_path) == tmp_path / sub


def test_of_two_versions_the_second_is_taken_and_the_label_says_so(tmp_path: Path) -> None:
    write(tmp_path / "MSMT17_V1", "V1")
    only = load_dataset("msmt17", settings(tmp_path), tmp_path / "cache")
    write(tmp_path / "MSMT17_V2", "V2")
    both = load_dataset("msmt17", settings(tmp_path), tmp_path / "cache")
    assert (only.label, both.label) == ("msmt17 (V1)", "msmt17 (V2)")
    assert only.fingerprint != both.fingerprint
    assert not both.synthetic


def test_where_it_is_not_the_error_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match=r"MSMT17_V2.*list_train\.txt.*data\.root"):
        msmt17().find_root(tmp_path)
    (tmp_path / "list_train.txt").write_text("")
    with pytest.raises(DataMissingError, match=r"not its image folders .*mask_train_v2"):
        msmt17().find_root(tmp_path)


def test_counts_that_differ_from_the_published_are_warned_of(tmp_path: Path) -> None:
    dataset = load_dataset("msmt17", settings(write(tmp_path)), tmp_path / "cache")
    found = dataset.verify()
    assert "MSMT17 train: 4 images, published 32621." in found
    assert "MSMT17 gallery: 2 identities, published 3060." in found
    expected = msmt17().expected
    assert (expected["train"].images, expected["train"].identities) == (30_248 + 2_373, 1_041)
    assert sum(expected["train"].cameras) == 32_621
    assert expected["query"].images + expected["gallery"].images == 93_820


def test_the_fingerprint_follows_lists_and_images(tmp_path: Path) -> None:
    data = settings(write(tmp_path))
    first = dataset_fingerprint("msmt17", data)
    file = tmp_path / "list_val.txt"
    file.write_text(file.read_text().replace(".jpg 0", ".jpg 1"))
    second = dataset_fingerprint("msmt17", data)
    image = tmp_path / "mask_test_v2" / "0000" / "0000_000_02_0114noon_0100_0.jpg"
    image.write_bytes(image.read_bytes() + b"\0")
    assert len({first, second, dataset_fingerprint("msmt17", data)}) == 3


def test_the_mesh_archive_has_a_folder_for_each_identity(tmp_path: Path) -> None:
    write(tmp_path / "data")
    paths = msmt17().read(tmp_path / "data")["train"].paths
    for angle in range(8):
        below = tmp_path / "mesh" / "train" / (f"render_{45 * angle}" if angle else "render")
        for number, path in enumerate(paths):
            file = below / path.removeprefix("mask_train_v2/")
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 16), 20 * angle + 5 * number).save(file, "JPEG", quality=100)
    mesh = MeshSettings(source="archive", root=str(tmp_path / "mesh"))
    data = settings(tmp_path / "data").model_copy(update={"mesh": mesh})
    projections = load_dataset("msmt17", data, tmp_path / "cache").projections()
    expected = 20 * np.arange(8)[None] + 5 * np.arange(4)[:, None]
    np.testing.assert_allclose(projections[:, :, 8, 4], expected, atol=2)


def test_the_reader_is_registered_by_role() -> None:
    assert REGISTRY.lookup("datasets", "msmt17").component is msmt17
