"""Arrays and folders that are made once."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gclbench.datasets.cache import cached_array, cached_folder
from gclbench.errors import StorageFullError


def test_an_array_is_built_once_and_read_only(tmp_path: Path) -> None:
    calls = []

    def build(out: NDArray[np.uint8]) -> None:
        calls.append(1)
        out[:] = 7

    path = tmp_path / "deep" / "a.npy"
    cached_array(path, (3, 2), build)
    again = cached_array(path, (3, 2), build)
    assert calls == [1]
    assert (again == 7).all()
    with pytest.raises(ValueError, match="read-only"):
        again[0, 0] = 1


def test_an_interrupted_build_leaves_no_array(tmp_path: Path) -> None:
    def fail(out: NDArray[np.uint8]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_array(tmp_path / "a.npy", (2,), fail)
    assert not (tmp_path / "a.npy").exists()
    good = cached_array(tmp_path / "a.npy", (2,), lambda out: out.fill(3))
    assert good.tolist() == [3, 3]


@pytest.mark.parametrize("spoil", [b"", b"\x93NUMPY\x01"])
def test_a_truncated_array_is_made_anew(tmp_path: Path, spoil: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(spoil)
    assert cached_array(tmp_path / "a.npy", (2,), lambda out: out.fill(3)).tolist() == [3, 3]


def test_an_array_of_another_shape_is_made_anew(tmp_path: Path) -> None:
    cached_array(tmp_path / "a.npy", (2,), lambda out: out.fill(3))
    assert cached_array(tmp_path / "a.npy", (3,), lambda out: out.fill(4)).tolist() == [4, 4, 4]


def test_an_empty_array_is_allowed(tmp_path: Path) -> None:
    assert cached_array(tmp_path / "a.npy", (0, 4), lambda out: None).shape == (0, 4)


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "world"

    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        cached_folder(target, fail)
    assert not target.exists()
    cached_folder(target, lambda folder: (folder / "whole").write_text("y"))
    assert [file.name for file in target.iterdir()] == ["whole"]


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFullError, match=str(tmp_path)):
        cached_folder(tmp_path / "world", full)
