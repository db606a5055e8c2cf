"""The miniatures of the image datasets, against expectations written by hand."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gclbench.datasets.base import Difference
from gclbench.datasets.counts import Counts, Expected, count, differences
from gclbench.datasets.fingerprint import dataset_fingerprint, reader_of
from gclbench.datasets.load import load_dataset
from gclbench.datasets.msmt17 import SLOT_FRAMES, msmt17
from gclbench.errors import DataMissingError
from gclbench.schema.settings import DataSettings
from gclbench.testing.layouts import (
    write_duke,
    write_market,
    write_msmt17,
    write_msmt17_in_three,
)

Write = Callable[[Path], Path]
# role, writer, and of train, query, gallery: images, identities, samples of cameras 1, 2, ...
EXPECTED = [
    (
        "market1501",
        write_market,
        (5, 2, (3, 1, 0, 0, 0, 1)),
        (3, 2, (1, 1, 1)),
        (6, 3, (1, 1, 1, 1, 1, 1)),
    ),
    (
        "dukemtmc_reid",
        write_duke,
        (3, 2, (0, 1, 1, 0, 0, 0, 0, 1)),
        (2, 1, (1, 1)),
        (3, 2, (0, 1, 1, 0, 1)),
    ),
    (
        "msmt17",
        write_msmt17,
        (4, 2, (1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)),
        (1, 1, (0, 1)),
        (2, 2, (0, 0, 0, 0, 0, 0, 2)),
    ),
    (
        "msmt17",
        write_msmt17_in_three,
        (3, 2, (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)),
        (1, 1, (0, 1)),
        (2, 2, (0, 0, 0, 0, 0, 0, 2)),
    ),
]
DATA = DataSettings(height_px=16, width_px=8)


@pytest.mark.parametrize(("role", "write", "train", "query", "gallery"), EXPECTED)
def test_images_identities_and_cameras_are_those_that_were_written(
    tmp_path: Path,
    role: str,
    write: Write,
    train: tuple[int, int, tuple[int, ...]],
    query: tuple[int, int, tuple[int, ...]],
    gallery: tuple[int, int, tuple[int, ...]],
) -> None:
    tables = reader_of(role, DATA).read(write(tmp_path))
    expected = {"train": train, "query": query, "gallery": gallery}
    for split, (images, identities, cameras) in expected.items():
        assert count(tables[split]) == Counts(images, identities, None, cameras)


@pytest.mark.parametrize(
    ("role", "write"), [(each[0], each[1]) for each in EXPECTED], ids=lambda each: str(each)[:24]
)
def test_file_order_and_the_roots_name_change_neither_tables_nor_fingerprint(
    tmp_path: Path, role: str, write: Write
) -> None:
    one, other = write(tmp_path / "msmt-a"), tmp_path / "else" / "msmt-b"
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    for file in random.Random(1).sample(files, len(files)):
        (other / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(one / file, other / file)  # another time of writing, too
    prints = set()
    for root in (one, other):
        data = DATA.model_copy(update={"root": str(root)})
        prints.add(dataset_fingerprint(role, data, tmp_path / "cache"))
    assert len(prints) == 1
    for split, table in reader_of(role, DATA).read(one).items():
        again = reader_of(role, DATA).read(other)[split]
        assert table.paths == again.paths
        np.testing.assert_array_equal(table.cams, again.cams)


def test_market_offsets_are_sums_of_earlier_sequences_in_training(tmp_path: Path) -> None:
    tables = reader_of("market1501", DATA).read(write_market(tmp_path))
    # Camera 1: the largest frame of sequence 1 in training is 900.
    assert tables["train"].frames.tolist() == [451, 100, 900, 900 + 20, 40]
    assert tables["query"].frames.tolist() == [1051, 301, 10]
    # Junk (-1) is gone; sequence 3 of camera 2 follows 0 (s1, unseen) + 100 (s2).
    assert tables["gallery"].pids.tolist() == [0, 0, 0, 1, 1, 5]
    assert tables["gallery"].frames.tolist() == [900 + 10, 20, 30, 100 + 20, 21, 50]


def test_msmt_in_three_folders_keeps_the_time_that_a_name_kept(tmp_path: Path) -> None:
    train = msmt17().read(write_msmt17_in_three(tmp_path))["train"]
    assert train.clock_frames == SLOT_FRAMES
    assert train.frames.tolist() == [0, 0, SLOT_FRAMES * 3 * 303 + 8]
    assert msmt17().label(tmp_path) == "msmt17 (Market layout)"


def test_three_folders_are_msmt_by_name_or_by_more_than_eight_cameras(tmp_path: Path) -> None:
    reader = msmt17()
    for write in (write_market, write_duke):
        with pytest.raises(DataMissingError, match="MSMT17 is not under"):
            reader.find_root(write(tmp_path / write.__name__))
    many = write_msmt17_in_three(tmp_path / "data")
    assert reader.find_root(many) == many
    for name in ("0000_c14_0001.jpg", "0001_c15_0303morning_0008_0.jpg"):
        (many / "bounding_box_train" / name).unlink()
    with pytest.raises(DataMissingError):
        reader.find_root(many)
    assert reader.find_root(many.rename(tmp_path / "MSMT17")) == tmp_path / "MSMT17"


def test_msmt_in_three_folders_is_loaded_as_the_lists_are(tmp_path: Path) -> None:
    data = DATA.model_copy(update={"root": str(write_msmt17_in_three(tmp_path / "msmt17"))})
    dataset = load_dataset("msmt17", data, tmp_path / "cache")
    assert dataset.images("gallery").shape == (2, 16, 8, 3)
    assert dataset.train.pids.tolist() == [0, 0, 1]
    assert "MSMT17 query: 1 images, published 11659." in dataset.verify()


def test_differences_name_field_and_firmness(tmp_path: Path) -> None:
    tables = reader_of("market1501", DATA).read(write_market(tmp_path))
    expected = {"query": Expected(3, 9, cameras=(1, 1, 2), papers_only=("identities",))}
    assert differences("X", expected, tables) == [
        Difference("X query: 2 identities, published 9.", firm=False),
        Difference("X query: 1 1 1 samples of cameras 1, 2, ..., published 1 1 2.", firm=True),
    ]
    assert differences("X", {"query": Expected(3, 2, cameras=(1, 1, 1))}, tables) == []
