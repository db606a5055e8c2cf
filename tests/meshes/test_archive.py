"""GCL's folders of rendered bodies: read by angle, preflight, written and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gclbench.errors import DataMissingError
from gclbench.meshes.archive import VIEWS, missing_renders, read_archive, roots_in, write_archive

PATHS = (
    "bounding_box_train/0002_c1s1_000451_03.jpg",
    "bounding_box_train/0007_c2s1_000001_01.jpg",
)


def write_jpegs(root: Path, size: tuple[int, int]) -> None:
    for angle in range(8):
        folder = root / "train" / ("render" if angle == 0 else f"render_{45 * angle}")
        folder.mkdir(parents=True)
        for index, path in enumerate(PATHS):
            Image.new("L", size, 100 + 10 * angle + index).save(
                folder / Path(path).name, "JPEG", quality=100
            )


@pytest.mark.parametrize("size", [(16, 32), (224, 224)])
def test_archive_is_read_by_angle_and_resized(tmp_path: Path, size: tuple[int, int]) -> None:
    write_jpegs(tmp_path, size)
    out = np.zeros((2, 8, 32, 16), dtype=np.uint8)
    read_archive(out, tmp_path, PATHS)
    levels = 100 + 10 * np.arange(8)[None] + np.arange(2)[:, None]
    assert np.abs(out.mean(axis=(2, 3)) - levels).max() <= 1


def test_a_missing_render_is_named(tmp_path: Path) -> None:
    write_jpegs(tmp_path, (16, 32))
    (tmp_path / "train" / "render_135" / Path(PATHS[1]).name).unlink()
    with pytest.raises(DataMissingError, match=r"render_135/0007_c2s1_000001_01\.jpg"):
        read_archive(np.zeros((2, 8, 32, 16), dtype=np.uint8), tmp_path, PATHS)


def test_all_that_is_missing_is_counted_before_anything_is_read(tmp_path: Path) -> None:
    paths = [f"bounding_box_train/{index:04d}_c1s1_000001_01.jpg" for index in range(30)]
    write_archive(tmp_path, paths, np.zeros((30, 8, 4, 2), dtype=np.uint8))
    for index in range(12):
        (tmp_path / "train" / "render_90" / Path(paths[29 - index]).name).unlink()
    (tmp_path / "train" / "render_315" / Path(paths[3]).name).unlink()
    out = np.full((30, 8, 4, 2), 7, dtype=np.uint8)
    with pytest.raises(DataMissingError) as caught:
        read_archive(out, tmp_path, paths)
    text = str(caught.value)
    assert "13 rendered bodies are missing" in text
    assert "train/render_90 12 of 30, train/render_315 1 of 30" in text
    assert "gclbench mesh import" in text
    shown = [f"train/render_90/{index:04d}_c1s1_000001_01.jpg" for index in range(18, 28)]
    assert ", ".join(shown) + ", ..." in text
    assert "0028_" not in text
    assert (out == 7).all()


def test_missing_renders_are_told_by_split_and_view() -> None:
    there = {"test/render/a.jpg", "test/render_45/a.jpg", "test/render_45/b.jpg"}
    found = {
        each.view: each.names
        for each in missing_renders(there.__contains__, "test", ["b.jpg", "a.jpg"])
    }
    assert (found["render"], found["render_45"]) == (("b.jpg",), ())
    assert found["render_315"] == ("a.jpg", "b.jpg")


def test_what_is_written_is_read_again_bit_for_bit(tmp_path: Path) -> None:
    paths = [*PATHS, "bounding_box_train/0009_c1s1_000001_00.jpg.jpg"]
    views = np.random.default_rng(0).integers(0, 256, (3, 8, 32, 16)).astype(np.uint8)
    write_archive(tmp_path, paths, views)
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == sorted(VIEWS)
    file = tmp_path / "train" / "render_45" / Path(PATHS[1]).name
    assert file.read_bytes().startswith(b"\x89PNG")
    np.testing.assert_array_equal(np.asarray(Image.open(file)), views[1, 1])
    out = np.zeros_like(views)
    read_archive(out, tmp_path, paths)
    np.testing.assert_array_equal(out, views)


def test_folders_of_identities_are_kept(tmp_path: Path) -> None:
    paths = ["mask_train_v2/0000/a.jpg", "mask_train_v2/0001/a.jpg"]
    views = np.arange(2 * 8 * 4 * 2).astype(np.uint8).reshape(2, 8, 4, 2)
    write_archive(tmp_path, paths, views)
    assert (tmp_path / "train" / "render_180" / "0001" / "a.jpg").is_file()
    out = np.zeros_like(views)
    read_archive(out, tmp_path, paths)
    np.testing.assert_array_equal(out, views)


def test_postscript_is_no_render(tmp_path: Path) -> None:
    """Pillow would hand it to Ghostscript, which runs it."""
    write_archive(tmp_path, PATHS, np.zeros((2, 8, 4, 2), dtype=np.uint8))
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n"
    (tmp_path / "train" / "render" / Path(PATHS[0]).name).write_bytes(script)
    with pytest.raises(DataMissingError, match=r"cannot be read \(it is PostScript"):
        read_archive(np.zeros((2, 8, 4, 2), dtype=np.uint8), tmp_path, PATHS)


def test_the_places_of_the_layout_are_found_in_a_listing() -> None:
    names = ["readme", "market/train/render/a.jpg", "market/train/render/b.jpg"]
    names += ["x/DukeMTMC/train/render/a.jpg", "train/render/a.jpg", "retrain/render/a.jpg"]
    assert list(roots_in(names)) == ["", "market/", "x/DukeMTMC/"]


def test_a_damaged_render_is_named(tmp_path: Path) -> None:
    write_jpegs(tmp_path, (16, 32))
    (tmp_path / "train" / "render" / Path(PATHS[0]).name).write_bytes(b"no image")
    with pytest.raises(DataMissingError, match="0002_c1s1"):
        read_archive(np.zeros((2, 8, 32, 16), dtype=np.uint8), tmp_path, PATHS)
