"""Files made once: built beside, flushed to disk, renamed; locked, so two workers build once."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from gclbench.errors import StorageFullError


@contextmanager
def _storage(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(
                f"the disk of {folder} is full.", "Free some space and run again."
            ) from error
        raise


def cached_array(
    path: Path,
    shape: tuple[int, ...],
    build: Callable[[NDArray[np.uint8]], None],
) -> NDArray[np.uint8]:
    """Return the read-only memory-mapped uint8 array at `path`, filled by `build` on first use.

    A file of another shape is made anew. Raises StorageFullError.
    """
    with _storage(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _has_shape(path, shape):
            with FileLock(f"{path}.lock"):
                if not _has_shape(path, shape):
                    _fill_array(path, shape, build)
        return _open(path)


def _open(path: Path) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _has_shape(path: Path, shape: tuple[int, ...]) -> bool:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError):
        return False
    return bool(array.shape == shape and array.dtype == np.uint8)


def _fill_array(
    path: Path, shape: tuple[int, ...], build: Callable[[NDArray[np.uint8]], None]
) -> None:
    partial = path.with_suffix(".partial")
    if 0 in shape:
        np.save(partial.open("wb"), np.zeros(shape, dtype=np.uint8))
    else:
        array: Any = np.lib.format.open_memmap(partial, "w+", dtype=np.uint8, shape=shape)
        build(array)
        array.flush()
        del array
    _sync(partial)
    os.replace(partial, path)
    _sync(path.parent)


def cached_folder(path: Path, build: Callable[[Path], None]) -> Path:
    """Return `path`, made by `build(folder)` on first use. Raises StorageFullError."""
    with _storage(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_dir():
            with FileLock(f"{path}.lock"):
                if not path.is_dir():
                    partial = path.with_name(path.name + ".partial")
                    shutil.rmtree(partial, ignore_errors=True)
                    partial.mkdir()
                    build(partial)
                    for file in sorted(partial.rglob("*")):
                        _sync(file)
                    os.replace(partial, path)
                    _sync(path.parent)
    return path


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
