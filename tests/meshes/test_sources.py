"""Mesh sources: disturbed truth, parameters in an npz, GCL's folders of renders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from gclbench.errors import DataMissingError
from gclbench.meshes.sources import disturbed, draw_parameters, read_archive, read_parameters

PATHS = (
    "bounding_box_train/0002_c1s1_000451_03.jpg",
    "bounding_box_train/0007_c2s1_000001_01.jpg",
)


def test_noise_turns_every_joint_by_the_stated_angle() -> None:
    rng = np.random.default_rng(0)
    pose = rng.normal(0, 0.4, (200, 72))
    noisy, betas = disturbed(pose, np.zeros((200, 10)), 4.0, np.random.default_rng(1))
    old = Rotation.from_rotvec(pose.reshape(-1, 3))
    new = Rotation.from_rotvec(noisy.astype(float).reshape(-1, 3))
    error = np.rad2deg((new * old.inv()).as_rotvec())
    assert error.std() == pytest.approx(4.0, rel=0.05)
    assert betas.std() == pytest.approx(0.4, rel=0.1)


def test_no_noise_is_the_truth() -> None:
    pose = np.random.default_rng(0).normal(0, 0.4, (3, 72))
    noisy, betas = disturbed(pose, np.ones((3, 10)), 0.0, np.random.default_rng(1))
    np.testing.assert_allclose(noisy, pose, atol=1e-6)
    np.testing.assert_array_equal(betas, np.ones((3, 10)))


def test_noise_repeats_under_one_generator_and_differs_under_another() -> None:
    pose, betas = np.zeros((2, 72)), np.zeros((2, 10))
    first = disturbed(pose, betas, 4.0, np.random.default_rng(5))[0]
    np.testing.assert_array_equal(first, disturbed(pose, betas, 4.0, np.random.default_rng(5))[0])
    assert not np.array_equal(first, disturbed(pose, betas, 4.0, np.random.default_rng(6))[0])


def test_parameters_are_found_by_file_name(tmp_path: Path) -> None:
    names = [Path(path).name for path in reversed(PATHS)]
    pose = np.stack([np.full(72, 7.0), np.full(72, 2.0)])
    file = tmp_path / "bodies.npz"
    np.savez(file, names=names, pose=pose, betas=np.zeros((2, 10)), camera=np.zeros((2, 3)))
    found, _, _ = read_parameters(file, PATHS)
    assert found[:, 0].tolist() == [2.0, 7.0]


def test_parameters_of_a_missing_image_are_named(tmp_path: Path) -> None:
    file = tmp_path / "bodies.npz"
    np.savez(
        file,
        names=["x.jpg"],
        pose=np.zeros((1, 72)),
        betas=np.zeros((1, 10)),
        camera=np.zeros((1, 3)),
    )
    with pytest.raises(DataMissingError, match="0002_c1s1_000451_03"):
        read_parameters(file, PATHS)


def test_a_file_without_parameters_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "bodies.npz", names=["x.jpg"])
    with pytest.raises(DataMissingError, match=r"bodies\.npz"):
        read_parameters(tmp_path / "bodies.npz", PATHS)
    with pytest.raises(DataMissingError, match=r"gone\.npz"):
        read_parameters(tmp_path / "gone.npz", PATHS)


def test_drawn_parameters_stand_where_the_translation_says() -> None:
    out = np.empty((2, 8, 32, 16), dtype=np.uint8)
    moves = np.array([[0.0, 0.1, -4.8], [0.0, 0.6, -4.8]])
    told: list[tuple[str, int, int]] = []
    draw_parameters(
        out, np.zeros((2, 72)), np.zeros((2, 10)), moves, "raster", lambda *a: told.append(a)
    )
    rows = [np.flatnonzero((view < 230).any(axis=1)).min() for view in out[:, 0]]
    assert rows[1] < rows[0]
    assert told[-1] == ("projections", 2, 2)


def write_archive(root: Path, size: tuple[int, int]) -> None:
    for angle in range(8):
        folder = root / "train" / ("render" if angle == 0 else f"render_{45 * angle}")
        folder.mkdir(parents=True)
        for index, path in enumerate(PATHS):
            Image.new("L", size, 100 + 10 * angle + index).save(
                folder / Path(path).name, "JPEG", quality=100
            )


@pytest.mark.parametrize("size", [(16, 32), (224, 224)])
def test_archive_is_read_by_angle_and_resized(tmp_path: Path, size: tuple[int, int]) -> None:
    write_archive(tmp_path, size)
    out = np.zeros((2, 8, 32, 16), dtype=np.uint8)
    read_archive(out, tmp_path, PATHS)
    levels = 100 + 10 * np.arange(8)[None] + np.arange(2)[:, None]
    assert np.abs(out.mean(axis=(2, 3)) - levels).max() <= 1


def test_a_missing_render_is_named(tmp_path: Path) -> None:
    write_archive(tmp_path, (16, 32))
    (tmp_path / "train" / "render_135" / Path(PATHS[1]).name).unlink()
    with pytest.raises(DataMissingError, match=r"render_135/0007_c2s1_000001_01\.jpg"):
        read_archive(np.zeros((2, 8, 32, 16), dtype=np.uint8), tmp_path, PATHS)


def test_a_damaged_render_is_named(tmp_path: Path) -> None:
    write_archive(tmp_path, (16, 32))
    (tmp_path / "train" / "render" / Path(PATHS[0]).name).write_bytes(b"no image")
    with pytest.raises(DataMissingError, match="0002_c1s1"):
        read_archive(np.zeros((2, 8, 32, 16), dtype=np.uint8), tmp_path, PATHS)
