"""Market-1501 and DukeMTMC-reID: file names, junk, offsets, roots, counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from gclbench.datasets.dukemtmc_reid import dukemtmc_reid
from gclbench.datasets.fingerprint import dataset_fingerprint
from gclbench.datasets.load import load_dataset
from gclbench.datasets.market1501 import market1501
from gclbench.errors import DataMissingError, UsageError
from gclbench.registry import REGISTRY
from gclbench.schema.settings import DataSettings, MeshSettings

MARKET = {
    "bounding_box_train": [
        "0002_c1s1_000451_03.jpg",
        "0002_c1s2_000100_01.jpg",
        "0007_c2s3_000040_01.jpg",
        "0007_c1s1_000900_01.jpg",
        "Thumbs.db",
    ],
    "query": ["0001_c1s1_001051_00.jpg", "0001_c2s1_000301_00.jpg.jpg"],
    "bounding_box_test": [
        "-1_c1s1_000401_03.jpg",
        "0000_c1s2_000010_01.jpg",
        "0001_c2s3_000020_02.jpg",
    ],
}
DUKE = {
    "bounding_box_train": ["0001_c2_f0046182.jpg", "0005_c8_f0000001.jpg"],
    "query": ["0002_c1_f0044158.jpg"],
    "bounding_box_test": ["0002_c2_f0044999.jpg", "7140_c5_f0000010.jpg"],
}


def write(root: Path, content: dict[str, list[str]]) -> Path:
    for folder, names in content.items():
        (root / folder).mkdir(parents=True)
        for index, name in enumerate(names):
            image = Image.new("RGB", (20, 40), (10 * index, 100, 200))
            image.save(root / folder / name, "JPEG", quality=100)
    return root


def test_market_names_are_parsed_and_junk_is_dropped(tmp_path: Path) -> None:
    tables = market1501().read(write(tmp_path, MARKET))
    assert tables["train"].pids.tolist() == [2, 2, 7, 7]
    assert tables["train"].cams.tolist() == [0, 0, 0, 1]
    assert tables["gallery"].pids.tolist() == [0, 1]
    assert tables["query"].paths[1] == "query/0001_c2s1_000301_00.jpg.jpg"


def test_market_paths_are_sorted(tmp_path: Path) -> None:
    for table in market1501().read(write(tmp_path, MARKET)).values():
        assert list(table.paths) == sorted(table.paths)


def test_market_frames_add_the_largest_training_frame_of_earlier_sequences(tmp_path: Path) -> None:
    tables = market1501().read(write(tmp_path, MARKET))
    # c1: s1 reaches 900 in training; c2: nothing before s3 was seen in training.
    assert tables["train"].frames.tolist() == [451, 900 + 100, 900, 40]
    assert tables["query"].frames.tolist() == [1051, 301]
    assert tables["gallery"].frames.tolist() == [900 + 10, 40 * 0 + 20]


def test_duke_names_are_parsed_with_frames_as_they_are(tmp_path: Path) -> None:
    tables = dukemtmc_reid().read(write(tmp_path, DUKE))
    assert tables["train"].cams.tolist() == [1, 7]
    assert tables["train"].frames.tolist() == [46182, 1]
    assert tables["gallery"].pids.tolist() == [2, 7140]


@pytest.mark.parametrize("sub", ["", "Market-1501-v15.09.15", "market1501"])
def test_market_is_found_in_the_usual_folders(tmp_path: Path, sub: str) -> None:
    write(tmp_path / sub, MARKET)
    assert market1501().find_root(tmp_path) == tmp_path / sub


def test_a_root_of_the_other_dataset_is_not_taken(tmp_path: Path) -> None:
    write(tmp_path, DUKE)
    with pytest.raises(DataMissingError, match=r"Market-1501 is not under .* data\.root"):
        market1501().find_root(tmp_path)
    assert dukemtmc_reid().find_root(tmp_path) == tmp_path


def test_both_datasets_live_under_one_root(tmp_path: Path) -> None:
    write(tmp_path / "market1501", MARKET)
    write(tmp_path / "DukeMTMC-reID", DUKE)
    data = DataSettings(root=str(tmp_path), height_px=16, width_px=8)
    cache = tmp_path / "cache"
    assert len(load_dataset("market1501", data, cache).train) == 4
    assert len(load_dataset("dukemtmc_reid", data, cache).train) == 2


def test_counts_that_differ_from_the_published_are_warned_of(tmp_path: Path) -> None:
    write(tmp_path, MARKET)
    data = DataSettings(root=str(tmp_path), height_px=16, width_px=8)
    dataset = load_dataset("market1501", data, tmp_path / "cache")
    warnings = dataset.verify()
    assert "Market-1501 train: 4 images, published 12936." in warnings
    with pytest.raises(DataMissingError, match="12936"):
        dataset.verify(strict=True)


def test_published_counts_are_those_of_the_papers() -> None:
    market, duke = market1501().expected, dukemtmc_reid().expected
    assert (market["train"].images, market["train"].identities) == (12_936, 751)
    assert [market[s].images for s in ("query", "gallery")] == [3_368, 15_913]
    assert (duke["gallery"].images, duke["gallery"].identities) == (17_661, 1_110)
    assert [duke[s].images for s in ("train", "query")] == [16_522, 2_228]
    for sizes in (*market.values(), *duke.values()):
        assert sum(sizes.cameras) == sizes.images


def test_readers_are_registered_by_role() -> None:
    assert REGISTRY.lookup("datasets", "market1501").component is market1501
    assert REGISTRY.lookup("datasets", "dukemtmc_reid").component is dukemtmc_reid


def test_images_are_resized_in_table_order(tmp_path: Path) -> None:
    write(tmp_path, MARKET)
    data = DataSettings(root=str(tmp_path), height_px=16, width_px=8)
    images = load_dataset("market1501", data, tmp_path / "cache").images("train")
    assert images.shape == (4, 16, 8, 3)
    # Written in the order 0002s1, 0002s2, 0007c2, 0007c1; read in the order of names.
    np.testing.assert_allclose(images[:, 8, 4, 0], [0, 10, 30, 20], atol=3)


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    write(tmp_path, MARKET)
    (tmp_path / "query" / MARKET["query"][0]).write_bytes(b"\xff\xd8 no image")
    data = DataSettings(root=str(tmp_path), height_px=16, width_px=8)
    dataset = load_dataset("market1501", data, tmp_path / "cache")
    with pytest.raises(DataMissingError, match="0001_c1s1_001051_00"):
        dataset.images("query")


@pytest.mark.parametrize("kind", ["postscript", "bomb"])
def test_a_picture_that_is_a_program_or_a_bomb_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, MARKET)
    file = tmp_path / "query" / MARKET["query"][0]
    if kind == "postscript":
        # Pillow would start Ghostscript for it, by its first bytes.
        started: list[object] = []
        monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args: started.append(args))
        file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    else:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
        started = []
    data = DataSettings(root=str(tmp_path), height_px=16, width_px=8)
    dataset = load_dataset("market1501", data, tmp_path / "cache")
    with pytest.raises(DataMissingError, match="cannot be read"):
        dataset.images("query")
    assert started == []


def test_an_empty_split_is_named(tmp_path: Path) -> None:
    write(tmp_path, MARKET | {"query": []})
    data = DataSettings(root=str(tmp_path))
    with pytest.raises(DataMissingError, match="no query images"):
        load_dataset("market1501", data, tmp_path / "cache")


def test_real_people_have_no_oracle_views_and_no_true_bodies(tmp_path: Path) -> None:
    write(tmp_path, MARKET)
    data = DataSettings(root=str(tmp_path), height_px=16, width_px=8)
    dataset = load_dataset("market1501", data, tmp_path / "cache")
    assert not dataset.synthetic
    assert dataset.label == "market1501"
    with pytest.raises(UsageError, match="rendered world"):
        dataset.oracle_views()
    with pytest.raises(UsageError, match=r"data\.mesh\.source"):
        dataset.projections()


def test_an_archive_gives_a_real_dataset_its_projections(tmp_path: Path) -> None:
    write(tmp_path / "market1501", MARKET)
    for angle in range(8):
        folder = tmp_path / "mesh" / "train" / (f"render_{45 * angle}" if angle else "render")
        folder.mkdir(parents=True)
        for name in MARKET["bounding_box_train"][:4]:
            Image.new("L", (8, 16), 20 * angle).save(folder / name, "JPEG", quality=100)
    data = DataSettings(
        root=str(tmp_path),
        height_px=16,
        width_px=8,
        mesh=MeshSettings(source="archive", root=str(tmp_path / "mesh") + "/"),
    )
    projections = load_dataset("market1501", data, tmp_path / "cache").projections()
    assert projections.shape == (4, 8, 16, 8)
    np.testing.assert_allclose(projections[:, :, 8, 4], [20 * np.arange(8)] * 4, atol=2)


def test_real_fingerprint_follows_bytes_not_dates(tmp_path: Path) -> None:
    write(tmp_path, MARKET)
    data = DataSettings(root=str(tmp_path))
    cache = tmp_path / "cache"
    first = dataset_fingerprint("market1501", data, cache, meshes=False)
    file = tmp_path / "query" / MARKET["query"][0]
    content = file.read_bytes()
    file.write_bytes(content)
    assert dataset_fingerprint("market1501", data, cache, meshes=False) == first
    assert dataset_fingerprint("market1501", data, None, meshes=False) == first
    file.write_bytes(content + b"\x00")
    assert dataset_fingerprint("market1501", data, cache, meshes=False) != first


def test_a_damaged_memory_of_fingerprints_is_made_anew(tmp_path: Path) -> None:
    write(tmp_path, MARKET)
    data = DataSettings(root=str(tmp_path))
    cache = tmp_path / "cache"
    first = dataset_fingerprint("market1501", data, cache, meshes=False)
    (memory,) = (cache / "fingerprints").iterdir()
    memory.write_text('{"query/')
    assert dataset_fingerprint("market1501", data, cache, meshes=False) == first
