"""`data check`: sound copies pass, and of damaged ones every fault is named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gclbench.datasets.check import Check, check_folder
from gclbench.datasets.counts import count
from gclbench.datasets.fingerprint import dataset_fingerprint, reader_of
from gclbench.datasets.load import load_dataset
from gclbench.datasets.mars import load_matrix
from gclbench.datasets.origin import write_marker
from gclbench.datasets.reader import Reader, Tables
from gclbench.schema.settings import DataSettings, WorldSettings
from gclbench.testing.layouts import (
    write_duke,
    write_duke_video,
    write_image,
    write_market,
    write_mars,
    write_mars_packaged,
    write_mat,
    write_msmt17,
    write_msmt17_in_three,
)

Write = Callable[[Path], Path]
DATA = DataSettings(height_px=16, width_px=8)
COPIES: dict[str, tuple[str, Write]] = {
    "market": ("market1501", write_market),
    "duke": ("dukemtmc_reid", write_duke),
    "msmt17 V2": ("msmt17", write_msmt17),
    "msmt17 V1": ("msmt17", lambda root: write_msmt17(root, "V1")),
    "msmt17 in three": ("msmt17", write_msmt17_in_three),
    "mars": ("mars", write_mars),
    "mars packaged": ("mars", write_mars_packaged),
    "duke video": ("dukemtmc_videoreid", write_duke_video),
    "duke video, old": (
        "dukemtmc_videoreid",
        lambda root: write_duke_video(root, old_names=True),
    ),
}
# Of sizes alone: miniatures are no complete datasets.
SIZES = {"count", "files"}


def look(copy: str, root: Path, **options: bool) -> Check:
    return check_folder(reader_of(COPIES[copy][0], DATA), root, **options)


def kinds(found: Check) -> set[str]:
    return {each.kind for each in found.faults} - SIZES


def text(found: Check, kind: str) -> str:
    return " | ".join(
        f"{each.text}: {', '.join(each.examples)}" for each in found.faults if each.kind == kind
    )


def written(copy: str, tmp_path: Path) -> Path:
    return COPIES[copy][1](tmp_path / "msmt17_copy")


@dataclass(frozen=True)
class Sized:
    """A reader that takes a miniature for the complete dataset."""

    reader: Reader
    sizes: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reader, name)

    @property
    def expected(self) -> Mapping[str, Any]:
        return self.sizes

    def differences(self, tables: Tables) -> list[Any]:
        from gclbench.datasets.counts import differences

        return differences("miniature", self.sizes, tables)


@pytest.mark.parametrize("copy", COPIES)
def test_a_sound_copy_has_no_fault_but_its_size(tmp_path: Path, copy: str) -> None:
    found = look(copy, written(copy, tmp_path), deep=True)
    assert kinds(found) == set()
    assert "count" in {each.kind for each in found.faults}
    assert found.deep
    assert set(found.splits) == {"train", "query", "gallery"}


@pytest.mark.parametrize("copy", COPIES)
def test_counts_stand_beside_the_published_ones(tmp_path: Path, copy: str) -> None:
    root = written(copy, tmp_path)
    reader = reader_of(COPIES[copy][0], DATA)
    found = look(copy, root)
    for split, table in reader.read(root).items():
        assert found.splits[split] == (count(table), reader.expected[split])


def test_other_files_are_remarked_and_are_no_fault(tmp_path: Path) -> None:
    (remark,) = look("market", written("market", tmp_path)).remarks
    assert remark.kind == "other_file"
    assert remark.examples == ("bounding_box_train/Thumbs.db",)


@pytest.mark.parametrize("copy", COPIES)
def test_a_missing_folder_is_named(tmp_path: Path, copy: str) -> None:
    root = written(copy, tmp_path)
    layout = look(copy, root).layout
    folders = {"market": "query", "duke": "bounding_box_test", "msmt17 V2": "mask_test_v2"}
    folders |= {"msmt17 V1": "train", "msmt17 in three": "query", "mars": "bbox_test"}
    folders |= {"mars packaged": "query_split"}
    gone = folders.get(copy, "gallery")
    shutil.rmtree(root / gone)
    found = look(copy, root)
    assert text(found, "missing") == f"not in {root}: {gone}"
    assert found.layout == layout
    assert found.splits == {}


@pytest.mark.parametrize(
    ("copy", "gone"),
    [
        ("mars", "info/query_IDX.mat"),
        ("mars", "info/test_name.txt"),
        ("msmt17 V2", "list_val.txt"),
    ],
)
def test_a_missing_list_is_named(tmp_path: Path, copy: str, gone: str) -> None:
    root = written(copy, tmp_path)
    (root / gone).unlink()
    assert text(look(copy, root), "missing") == f"not in {root}: {gone}"


def test_where_there_is_nothing_all_of_it_is_missing(tmp_path: Path) -> None:
    found = look("market", tmp_path)
    assert [(each.kind, each.count) for each in found.faults] == [("missing", 3)]


@pytest.mark.parametrize("copy", COPIES)
def test_an_empty_file_is_named_without_decoding(tmp_path: Path, copy: str) -> None:
    root = written(copy, tmp_path)
    victim = sorted(root.rglob("*.jpg"))[1]
    victim.write_bytes(b"")
    found = look(copy, root)
    assert kinds(found) == {"empty_file"}
    assert str(victim.relative_to(root)) in text(found, "empty_file")
    assert kinds(look(copy, root, deep=True)) == {"empty_file"}


@pytest.mark.parametrize("copy", COPIES)
def test_a_damaged_image_is_named_where_all_are_decoded(tmp_path: Path, copy: str) -> None:
    root = written(copy, tmp_path)
    cut, other = sorted(root.rglob("*.jpg"))[:2]
    cut.write_bytes(cut.read_bytes()[:-40])
    other.write_bytes(b"\xff\xd8 no image")
    assert kinds(look(copy, root)) == set()
    found = look(copy, root, deep=True)
    assert kinds(found) == {"undecodable"}
    for victim in (cut, other):
        assert str(victim.relative_to(root)) in text(found, "undecodable")


@pytest.mark.parametrize(
    ("copy", "name"),
    [
        ("market", "query/0001_c1_f0044158.jpg"),
        ("market", "bounding_box_test/-2_c1s1_000401_03.jpg"),
        ("duke", "query/0001_c1s1_000401_03.jpg"),
        ("duke", "bounding_box_train/copy of 0001_c2_f0046182.jpg"),
        ("msmt17 V2", "mask_train_v2/0000/0000_001_01_0303evening_0008_0.jpg"),
        ("msmt17 in three", "query/0000_c16_0000.jpg"),
        ("mars", "bbox_train/0002/0001C1T0001F001.jpg"),
        ("mars", "bbox_train/0001/0001C7T0001F001.jpg"),
        ("mars packaged", "train_split/0001/0001C1T0001F001.jpg"),
        ("duke video", "train/0001/0001/0001_C9_F0001_X1.jpg"),
        ("duke video", "gallery/0001_C1_F0001_X1.jpg"),
    ],
)
def test_an_image_with_a_wrong_name_is_named(tmp_path: Path, copy: str, name: str) -> None:
    root = written(copy, tmp_path)
    write_image(root / name)
    found = look(copy, root)
    assert kinds(found) == {"strange_name"}
    assert name in text(found, "strange_name")


def test_what_is_no_file_is_named_and_ends_nothing(tmp_path: Path) -> None:
    root = written("market", tmp_path)
    folder = root / "bounding_box_train"
    (folder / "0002_c1s1_000451_09.jpg").symlink_to(tmp_path / "gone")
    (folder / "0002_c1s1_000452_09.jpg").mkdir()
    (folder / "again").symlink_to(folder)
    (folder / "self").symlink_to("self")
    found = look("market", root, deep=True)
    assert kinds(found) == {"no_file"}
    (fault,) = (each for each in found.faults if each.kind == "no_file")
    names = ("0002_c1s1_000451_09.jpg", "0002_c1s1_000452_09.jpg", "again", "self")
    assert fault.examples == tuple(f"bounding_box_train/{name}" for name in names)


def test_a_name_that_is_no_text_is_named_and_has_a_fingerprint(tmp_path: Path) -> None:
    root = written("market", tmp_path)
    (root / "query" / os.fsdecode(b"\xff.jpg")).write_bytes(b"x")
    found = look("market", root)
    assert kinds(found) == {"strange_name"}
    assert text(found, "strange_name").isascii()
    data = DATA.model_copy(update={"root": str(root)})
    assert dataset_fingerprint("market1501", data, tmp_path / "cache", meshes=False)


@pytest.mark.parametrize(
    ("copy", "name", "kind"),
    [
        ("market", "bounding_box_train/0002_c0s1_000451_09.jpg", "strange_name"),
        ("market", "bounding_box_train/0002_c9s1_000451_09.jpg", "labels"),
        ("market", "bounding_box_train/0000_c1s1_000451_09.jpg", "mixed"),
        ("duke", "query/0002_c0_f0044158.jpg", "strange_name"),
        ("duke video", "train/0001/0001/0002_C1_F0090_X999.jpg", "labels"),
        ("duke video", f"train/{'9' * 25}/0001/0001_C1_F0001_X1.jpg", "strange_name"),
    ],
)
def test_a_name_that_tells_what_cannot_be_is_named(
    tmp_path: Path, copy: str, name: str, kind: str
) -> None:
    root = written(copy, tmp_path)
    if copy == "duke video" and kind == "labels":
        cam = next((root / "train/0001/0001").iterdir()).name.split("_C")[1][0]
        name = name.replace("_C1_", f"_C{cam}_")
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    write_image(root / name)
    found = look(copy, root)
    assert kinds(found) == {kind}
    assert name in text(found, kind)


def test_a_list_that_gives_one_image_to_another_is_noticed(tmp_path: Path) -> None:
    root = written("msmt17 V2", tmp_path)
    file = root / "list_train.txt"
    lines = file.read_text().splitlines()
    pids = [line.split()[1] for line in lines]
    changed = max(range(len(lines)), key=lambda row: pids.count(pids[row]))
    other = next(pid for pid in pids if pid != pids[changed])
    lines[changed] = f"{lines[changed].split()[0]} {other}"
    file.write_text("\n".join(lines))
    found = look("msmt17 V2", root)
    assert kinds(found) == {"labels"}
    lines[changed] = f"{lines[changed].split()[0]} {'9' * 30}"
    file.write_text("\n".join(lines))
    assert kinds(look("msmt17 V2", root)) == {"unreadable"}


def test_a_matrix_that_shares_frames_or_tells_another_camera_is_noticed(tmp_path: Path) -> None:
    root = written("mars", tmp_path)
    file = root / "info/tracks_train_info.mat"
    rows = load_matrix(file, "track_train_info")
    write_mat(file, "track_train_info", [*rows.tolist(), rows[0].tolist()])
    assert kinds(look("mars", root)) == {"shared"}
    rows[0, 3] = rows[0, 3] % 6 + 1
    write_mat(file, "track_train_info", rows.tolist())
    assert kinds(look("mars", root)) == {"labels"}


def test_names_of_another_dataset_altogether_make_it_unreadable(tmp_path: Path) -> None:
    found = check_folder(reader_of("market1501", DATA), write_duke(tmp_path))
    assert kinds(found) == {"strange_name", "unreadable"}
    assert "names like its own" in text(found, "unreadable")


def swap(root: Path, one: str, other: str) -> None:
    (root / one).rename(root / "aside")
    (root / other).rename(root / one)
    (root / "aside").rename(root / other)


@pytest.mark.parametrize(
    ("copy", "query", "gallery"),
    [
        ("market", "query", "bounding_box_test"),
        ("duke", "query", "bounding_box_test"),
        ("msmt17 in three", "query", "bounding_box_test"),
        ("msmt17 V2", "list_query.txt", "list_gallery.txt"),
        ("duke video", "query", "gallery"),
    ],
)
def test_swapped_query_and_gallery_are_noticed(
    tmp_path: Path, copy: str, query: str, gallery: str
) -> None:
    root = written(copy, tmp_path)
    swap(root, query, gallery)
    found = look(copy, root)
    assert kinds(found) == {"swapped"}
    assert "swapped?" in text(found, "swapped")


def test_several_queries_of_one_person_and_camera_are_noticed(tmp_path: Path) -> None:
    root = written("market", tmp_path)
    write_image(root / "query/0001_c1s1_001052_00.jpg")
    assert text(look("market", root), "swapped").endswith("gallery in the query's place?: pid 1")
    root = write_duke_video(tmp_path / "duke")
    write_image(root / "query/0002/0003/0002_C4_F0001_X5.jpg")
    assert kinds(look("duke video", root)) == {"swapped"}
    root = write_mars(tmp_path / "mars")
    write_mat(root / "info/query_IDX.mat", "query_IDX", [[3, 4]])
    assert kinds(look("mars", root)) == {"swapped"}


def test_training_people_in_the_test_set_are_noticed_where_numbers_mean_something(
    tmp_path: Path,
) -> None:
    root = written("market", tmp_path)
    write_image(root / "bounding_box_test/0007_c1s1_000900_01.jpg")
    assert text(look("market", root), "mixed") == "identities in training and in test: 7"
    # MSMT17 counts from 0 in both.
    assert kinds(look("msmt17 V2", write_msmt17(tmp_path / "msmt"))) == set()


def test_a_query_of_people_whom_the_gallery_lacks_is_noticed(tmp_path: Path) -> None:
    root = written("duke", tmp_path)
    for file in (root / "query").iterdir():
        file.rename(file.with_name(file.name.replace("0002", "0009")))
    assert kinds(look("duke", root)) == {"strangers"}


@pytest.mark.parametrize(
    ("copy", "victim", "split"),
    [
        ("market", "bounding_box_train/0002_c1s1_000451_03.jpg", "train"),
        ("duke", "bounding_box_test/7140_c5_f0000010.jpg", "gallery"),
        ("msmt17 in three", "bounding_box_train/0000_c1_0000.jpg", "train"),
        ("mars packaged", "train_split/0001/1/0001C1T0001F002.jpg", "train"),
        ("duke video", "train/0005/0001/0005_C8_F0002_X112.jpg", "train"),
    ],
)
def test_one_image_less_than_published_is_a_fault(
    tmp_path: Path, copy: str, victim: str, split: str
) -> None:
    root = written(copy, tmp_path)
    reader = reader_of(COPIES[copy][0], DATA)
    sizes = {
        name: replace(
            sizes,
            images=len(table.paths),
            identities=count(table).identities,
            tracklets=count(table).tracklets,
            cameras=count(table).cameras,
            papers_only=(),
        )
        for (name, table), sizes in zip(
            reader.read(root).items(), reader.expected.values(), strict=True
        )
    }
    assert all(each.kind == "files" for each in check_folder(Sized(reader, sizes), root).faults)
    (root / victim).unlink()
    faults = [each for each in check_folder(Sized(reader, sizes), root).faults
              if each.kind == "count"]  # fmt: skip
    assert faults
    assert all(f"miniature {split}" in each.text for each in faults)


def test_junk_that_was_deleted_shows_in_the_files_on_disk(tmp_path: Path) -> None:
    found = look("market", written("market", tmp_path))
    assert "bounding_box_test: 7 images on disk, published 19732." in text(found, "files")


def test_what_only_papers_say_is_a_remark(tmp_path: Path) -> None:
    found = look("duke video", written("duke video", tmp_path))
    assert "train: 3 tracklets, published 2196." in text(found, "count")
    assert "gallery" not in text(found, "count")
    assert any("gallery: 2 tracklets" in each.text for each in found.remarks)


def test_damage_that_stops_reading_does_not_hide_the_rest(tmp_path: Path) -> None:
    root = written("mars", tmp_path)
    (root / "info/tracks_test_info.mat").write_bytes(b"MATLAB")
    (root / "bbox_train/0003/0003C1T0001F001.jpg").write_bytes(b"")
    write_image(root / "bbox_test/0000/wrong.jpg")
    found = look("mars", root)
    assert kinds(found) == {"unreadable", "empty_file", "strange_name"}
    assert "tracks_test_info.mat" in text(found, "unreadable")


def test_a_copy_below_the_root_is_found(tmp_path: Path) -> None:
    write_market(tmp_path / "market1501")
    found = look("market", tmp_path)
    assert found.root == tmp_path / "market1501"
    shutil.rmtree(found.root / "query")
    assert look("market", tmp_path).root == tmp_path / "market1501"


def test_a_rendered_twin_is_sound_and_not_asked_for_published_counts(tmp_path: Path) -> None:
    sizes = WorldSettings(people_train=4, people_test=4, images_per_person=4, distractor_people=2)
    data = DATA.model_copy(update={"world": sizes})
    for role in ("market1501", "dukemtmc_reid", "msmt17", "mars", "dukemtmc_videoreid"):
        twin = load_dataset(role, data, tmp_path)
        found = check_folder(reader_of(role, data), twin.root, deep=True, twin=twin.label)
        assert found.faults == ()
        assert found.label == f"synthetic_{role}"
        assert {each.kind for each in found.remarks} == {"made"}
        assert all(published is None for _, published in found.splits.values())


def test_a_marker_is_as_good_as_a_name(tmp_path: Path) -> None:
    root = written("duke", tmp_path)
    write_marker(root, "synthetic_dukemtmc_reid", {})
    found = look("duke", root)
    assert found.label == "synthetic_dukemtmc_reid"
    assert found.faults == ()


def test_every_decoded_image_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    reader = reader_of("market1501", DATA)
    check_folder(
        reader, write_market(tmp_path), deep=True, progress=lambda *each: told.append(each)
    )
    assert told[-1] == ("decoding images", 15, 15)


def test_images_that_are_no_jpegs_are_looked_at_too(tmp_path: Path) -> None:
    root = written("market", tmp_path)
    Image.new("RGB", (8, 16)).save(root / "query/0001_c1s1_001051_00.png")
    assert "001051_00.png" in text(look("market", root), "strange_name")
