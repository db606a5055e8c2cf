"""Mesh sources: disturbed truth, files of parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gclbench.errors import DataMissingError, UsageError
from gclbench.meshes.sources import (
    below,
    disturbed,
    draw_parameters,
    read_parameters,
    write_parameters,
)
from tests.mutations import mutations

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


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("names", np.array("a.jpg"), "names in .* has shape"),
        ("names", np.array([["a.jpg"]]), "names in .* has shape"),
        ("pose", np.full((2, 72), np.nan), "pose in .* no finite number"),
        ("betas", np.full((2, 10), "x"), "betas in .* no finite number"),
        ("camera", np.full((2, 3), 1j), "camera in .* no finite number"),
    ],
)
def test_parameters_that_are_no_numbers_are_refused(
    tmp_path: Path, key: str, value: np.ndarray, expected: str
) -> None:
    names = np.array([Path(path).name for path in PATHS])
    sound = {"pose": np.zeros((2, 72)), "betas": np.zeros((2, 10)), "camera": np.zeros((2, 3))}
    arrays: dict[str, Any] = {"names": names, **sound, key: value}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataMissingError, match=expected):
        read_parameters(tmp_path / "a.npz", PATHS)


@pytest.mark.parametrize("kind", ["cut", "flipped", "no npz", "giant"])
def test_a_damaged_file_of_parameters_is_named(
    tmp_path: Path, write_giant: Any, kind: str
) -> None:
    file = tmp_path / "a.npz"
    names = np.array([Path(path).name for path in PATHS])
    pose = np.random.default_rng(0).normal(size=(2, 72))
    np.savez_compressed(
        file, pose=pose, names=names, betas=np.zeros((2, 10)), camera=np.zeros((2, 3))
    )
    content = file.read_bytes()
    if kind == "cut":
        file.write_bytes(content[:-40])
    elif kind == "flipped":
        file.write_bytes(content[:60] + bytes(b ^ 0x5A for b in content[60:200]) + content[200:])
    elif kind == "no npz":
        with file.open("wb") as handle:
            np.save(handle, np.zeros(3))
    else:
        write_giant(file, ("names", "pose", "betas", "camera"))
    with pytest.raises(DataMissingError, match=r"a\.npz cannot be read"):
        read_parameters(file, PATHS)


def test_parameters_of_a_missing_image_are_named(tmp_path: Path) -> None:
    file = tmp_path / "bodies.npz"
    np.savez(
        file,
        names=["x.jpg"],
        pose=np.zeros((1, 72)),
        betas=np.zeros((1, 10)),
        camera=np.zeros((1, 3)),
    )
    with pytest.raises(
        DataMissingError, match=r"the image 0002_c1s1_000451_03\.jpg and 1 more.*mesh estimate"
    ):
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


def written(file: Path, names: list[str], body: str) -> Path:
    count = len(names)
    pose = np.arange(72.0 * count).reshape(count, 72)
    write_parameters(file, names, pose, np.zeros((count, 10)), np.ones((count, 3)), body=body)
    return file


def test_images_in_folders_are_found_by_folder_and_name_or_name_alone(tmp_path: Path) -> None:
    path = "mask_train_v2/0000/0000_000_01_0303morning_0008_0.jpg"
    assert below(path) == "0000/0000_000_01_0303morning_0008_0.jpg"
    tracklets = ["train/0001/0001/F1.jpg", "train/0001/0002/F1.jpg"]
    by_folder = written(tmp_path / "a.npz", [below(name) for name in tracklets], "")
    assert read_parameters(by_folder, tracklets)[0][:, 0].tolist() == [0.0, 72.0]
    bare = written(tmp_path / "b.npz", [Path(path).name], "")
    assert read_parameters(bare, [path])[0].shape == (1, 72)


def test_parameters_are_written_whole_and_alike(tmp_path: Path) -> None:
    first = written(tmp_path / "a.npz", ["x.jpg"], "").read_bytes()
    assert written(tmp_path / "b.npz", ["x.jpg"], "").read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_translations_of_another_body_are_refused(tmp_path: Path) -> None:
    smpl, ours = "f" * 64, ""
    file = written(tmp_path / "a.npz", [Path(path).name for path in PATHS], smpl)
    assert len(read_parameters(file, PATHS, smpl)[0]) == 2
    with pytest.raises(UsageError, match=r"body model ffffffffffff.*data\.mesh\.body_model"):
        read_parameters(file, PATHS, ours)


def test_rows_of_another_shape_are_named(tmp_path: Path) -> None:
    names = [Path(path).name for path in PATHS]
    file = tmp_path / "a.npz"
    np.savez(file, names=names, pose=np.zeros((2, 24, 3)), betas=np.zeros((2, 10)),
             camera=np.zeros((2, 3)))  # fmt: skip
    with pytest.raises(DataMissingError, match=r"pose in .* has shape \(2, 24, 3\)"):
        read_parameters(file, PATHS)


def test_parameters_as_pickled_objects_are_refused(tmp_path: Path) -> None:
    class Marker:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.mkdir, (tmp_path / "ran",)

    names = np.array([Marker()], dtype=object)
    np.savez(tmp_path / "a.npz", names=names, pose=names, betas=names, camera=names)
    with pytest.raises(DataMissingError, match="cannot be read"):
        read_parameters(tmp_path / "a.npz", PATHS)
    assert not (tmp_path / "ran").exists()


WIDTHS = {"pose": 72, "betas": 10, "camera": 3}


def survives(tmp_path: Path, count: int, seed: int) -> dict[str, int]:
    """Read damaged files of parameters; count those that were read, and those refused."""
    paths = [f"train/{index:04d}_c1s1_000000_00.jpg" for index in range(4)]
    file, rng = tmp_path / "sound.npz", np.random.default_rng(0)
    arrays = {key: rng.normal(size=(4, width)) for key, width in WIDTHS.items()}
    ends = {"read": 0, "refused": 0}
    for save in (np.savez, np.savez_compressed):
        save(file, names=[below(path) for path in paths], body="", **arrays)  # type: ignore[arg-type]
        for damaged in mutations(file.read_bytes(), count, seed):
            (tmp_path / "x.npz").write_bytes(damaged)
            try:
                read_parameters(tmp_path / "x.npz", paths)
            except (DataMissingError, UsageError):
                ends["refused"] += 1
            else:
                ends["read"] += 1
    return ends


def test_damaged_parameters_are_read_or_refused(tmp_path: Path) -> None:
    assert min(survives(tmp_path, 30, seed=1).values()) > 0


@pytest.mark.slow
def test_many_damaged_parameters_are_read_or_refused(tmp_path: Path) -> None:
    assert min(survives(tmp_path, 300, seed=2).values()) > 0
