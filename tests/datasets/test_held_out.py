"""Held-out identities: an exact partition of the training images, and rows that stay together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gclbench.datasets.base import Dataset, ImageTable
from gclbench.datasets.fingerprint import dataset_fingerprint
from gclbench.datasets.held_out import HeldOutDataset, fingerprint, held_count, hold_out
from gclbench.datasets.load import load_dataset
from gclbench.errors import UsageError
from gclbench.plan import Node
from gclbench.running.worker import RunConfig, load_datasets
from gclbench.schema import Stage
from gclbench.schema.settings import DataSettings, EvaluateSettings, Settings, WorldSettings

WORLD = WorldSettings(people_train=8, people_test=4, images_per_person=6, distractor_people=2)
DATA = DataSettings(height_px=16, width_px=8, world=WORLD)
SHARE = 0.25


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module")
def base(cache: Path) -> Dataset:
    return load_dataset("market1501", DATA, cache)


@pytest.fixture(scope="module")
def part(base: Dataset) -> HeldOutDataset:
    return hold_out(base, SHARE)


def table(pids: list[int], cams: list[int]) -> ImageTable:
    places = np.arange(len(pids))
    paths = tuple(f"{place:03d}.jpg" for place in places)
    return ImageTable(paths, np.array(pids), np.array(cams), places)


def with_train(base: Dataset, train: ImageTable) -> Dataset:
    return replace(base, train=train)


def test_every_training_image_is_in_exactly_one_part(base: Dataset, part: HeldOutDataset) -> None:
    parts = (part.train, part.query, part.gallery)
    assert Counter(path for each in parts for path in each.paths) == Counter(base.train.paths)
    assert all(list(each.paths) == sorted(each.paths) for each in parts)


def test_nobody_is_both_trained_on_and_ranked(base: Dataset, part: HeldOutDataset) -> None:
    held = {*part.query.pids.tolist(), *part.gallery.pids.tolist()}
    assert not held & set(part.train.pids.tolist())
    assert len(held) == round(SHARE * len(set(base.train.pids.tolist()))) == 2


def test_the_test_set_takes_no_part(base: Dataset, part: HeldOutDataset) -> None:
    test = {*base.query.paths, *base.gallery.paths}
    assert not test & {*part.train.paths, *part.query.paths, *part.gallery.paths}


def test_of_every_person_and_camera_the_first_image_is_the_query(part: HeldOutDataset) -> None:
    first: dict[tuple[int, int], str] = {}
    for each in (part.query, part.gallery):
        for path, pid, cam in zip(each.paths, each.pids, each.cams, strict=True):
            key = (int(pid), int(cam))
            first[key] = min(path, first.get(key, path))
    assert sorted(first.values()) == list(part.query.paths)


def test_labels_go_with_their_images(base: Dataset, part: HeldOutDataset) -> None:
    known = {
        path: labels
        for path, *labels in zip(
            base.train.paths, base.train.pids, base.train.cams, base.train.frames, strict=True
        )
    }
    for each in (part.train, part.query, part.gallery):
        for path, *labels in zip(each.paths, each.pids, each.cams, each.frames, strict=True):
            assert labels == known[path]


def test_the_order_of_rows_chooses_nobody(base: Dataset) -> None:
    rng = np.random.default_rng(3)
    pids, cams = np.repeat(np.arange(1, 41), 3), np.tile([0, 1, 1], 40)
    order = rng.permutation(120)
    one, other = (
        hold_out(with_train(base, table(pids[o].tolist(), cams[o].tolist())), 0.3)
        for o in (np.arange(120), order)
    )
    assert set(one.query.pids.tolist()) == set(other.query.pids.tolist())
    assert len(set(one.query.pids.tolist())) == 12
    # Not simply the smallest numbers, nor the largest.
    assert set(one.query.pids.tolist()) not in ({*range(1, 13)}, {*range(29, 41)})


def test_of_tracklets_the_gallery_keeps_the_queries(base: Dataset) -> None:
    pids, cams = np.repeat(np.arange(1, 11), 3), np.tile([0, 1, 1], 10)
    paths = tuple(f"{place:03d}.jpg" for place in range(60))
    starts = np.arange(0, 61, 2, dtype=np.int64)
    train = ImageTable(paths, pids, cams, 2 * np.arange(30), starts=starts)
    part = hold_out(with_train(base, train), 0.3)
    assert (len(part.query), len(part.gallery), len(part.gallery.paths)) == (6, 9, 18)
    assert set(part.query.paths) < set(part.gallery.paths)


def test_a_share_of_people_is_rounded() -> None:
    assert [held_count(share, 10, "M") for share in (0.24, 0.26, 0.34, 0.36)] == [2, 3, 3, 4]


def test_a_larger_share_holds_out_the_same_people_and_more(base: Dataset) -> None:
    small, large = (set(hold_out(base, share).query.pids.tolist()) for share in (0.25, 0.5))
    assert small < large


def test_images_projections_and_views_are_the_bases_rows(
    base: Dataset, part: HeldOutDataset
) -> None:
    row = {path: place for place, path in enumerate(base.train.paths)}
    rows = {split: [row[p] for p in part.table(split).paths] for split in part.rows}
    for split in ("train", "query", "gallery"):
        np.testing.assert_array_equal(part.images(split), base.images("train")[rows[split]])
    np.testing.assert_array_equal(part.projections(), base.projections()[rows["train"]])
    np.testing.assert_array_equal(part.oracle_views(), base.oracle_views()[rows["train"]])


@pytest.mark.parametrize("split", ["train", "query", "gallery"])
def test_true_factors_are_those_of_the_part_not_of_the_test_set(
    base: Dataset, part: HeldOutDataset, split: Any
) -> None:
    row = {path: place for place, path in enumerate(base.train.paths)}
    rows = [row[path] for path in part.table(split).paths]
    factors, whole = part.factors(split), base.factors("train")
    for name in ("yaw_deg", "light", "pose", "clothes"):
        np.testing.assert_array_equal(getattr(factors, name), getattr(whole, name)[rows])


def test_real_data_has_no_factors(base: Dataset) -> None:
    assert hold_out(replace(base, factors_with=None), SHARE).factors("query") is None


def test_an_unknown_split_is_named(part: HeldOutDataset) -> None:
    for ask in (part.images, part.factors):
        with pytest.raises(UsageError, match="no split 'test'"):
            ask("test")  # type: ignore[operator]


@pytest.mark.parametrize("share", [0.01, 0.15, 0.9, 0.99])
def test_too_few_people_on_a_side_is_an_error(base: Dataset, share: float) -> None:
    with pytest.raises(UsageError, match=r"holds out \d of 8 training identities"):
        hold_out(base, share)


def test_every_share_has_a_fingerprint_and_arrays_of_its_own(base: Dataset) -> None:
    parts = [base, hold_out(base, 0.25), hold_out(base, 0.5)]
    assert len({each.fingerprint for each in parts}) == 3
    assert len({each.arrays for each in parts}) == 3
    assert parts[1].fingerprint == fingerprint(base.fingerprint, 0.25)
    assert hold_out(base, 0.25).fingerprint == parts[1].fingerprint


def test_arrays_are_made_once(base: Dataset, part: HeldOutDataset) -> None:
    part.images("query")
    files = {path: path.stat().st_mtime_ns for path in sorted(part.arrays.iterdir())}
    assert files
    hold_out(base, SHARE).images("query")
    assert {path: path.stat().st_mtime_ns for path in sorted(part.arrays.iterdir())} == files


def test_loading_with_a_share_holds_out_and_names_the_same_data(
    base: Dataset, part: HeldOutDataset, cache: Path
) -> None:
    data = DATA.model_copy(update={"validation_share": SHARE})
    loaded = load_dataset("market1501", data, cache)
    assert loaded.query.paths == part.query.paths
    assert loaded.fingerprint == part.fingerprint
    assert loaded.fingerprint == dataset_fingerprint("market1501", data, cache, meshes=False)
    keys = {dataset_fingerprint("market1501", each, cache) for each in (DATA, data)}
    assert len(keys) == 2
    assert type(load_dataset("market1501", DATA, cache)) is Dataset


def node(stage: Stage, split: str) -> Node:
    """What `load_datasets` asks of a node."""
    settings = Settings(
        data=DATA.model_copy(update={"validation_share": SHARE}),
        evaluate=EvaluateSettings(split=split),  # type: ignore[arg-type]
    )
    roles = {"target": "market1501", "source": "dukemtmc_reid"}
    return Node(stage, "key", 0, "label", settings.model_dump(mode="json"), roles=roles)


@pytest.mark.parametrize(
    ("stage", "split", "held"),
    [
        (Stage.EVALUATE, "validation", True),
        (Stage.EVALUATE, "test", False),
        (Stage.JOINT, "test", True),
        (Stage.WARMUP, "validation", True),
    ],
)
def test_training_and_validation_see_the_part_and_the_test_is_untouched(
    base: Dataset, part: HeldOutDataset, cache: Path, stage: Stage, split: str, held: bool
) -> None:
    home = cache.parent / f"{cache.name}-home"
    home.mkdir(exist_ok=True)
    if not (home / "cache").exists():
        (home / "cache").symlink_to(cache)
    config = RunConfig(home=home, store="", threads=1, device="cpu", observers=())
    found = load_datasets(config, node(stage, split))
    expected = part if held else base
    assert found["target"].query.paths == expected.query.paths
    assert found["target"].train.paths == expected.train.paths
    assert type(found["source"]) is Dataset  # labels of the source are given: nothing is held out
