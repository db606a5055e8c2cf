"""Files that are whole or absent: write beside, fsync, rename; a full disk is one clear error."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gclbench.errors import GclbenchError, StorageFullError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def full_disk_errors(folder: Path) -> Iterator[None]:
    """Turn errors of a full disk, also torch's own, into StorageFullError naming the folder."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        # torch.save to a path hides the system's error behind its writer's name.
        torch_writer = isinstance(error, RuntimeError) and "PytorchStreamWriter" in str(error)
        if torch_writer or (isinstance(error, OSError) and error.errno in _FULL):
            raise StorageFullError(
                f"no space left for {folder}; nothing that was finished is lost.",
                "Free some space, or set home=DIR to another disk, then repeat the command.",
            ) from error
        raise


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn any failed write into StorageFullError or GclbenchError naming the folder."""
    try:
        with full_disk_errors(folder):
            yield
    except OSError as error:
        raise GclbenchError(
            f"cannot write to {folder}: {error.strerror or error}.",
            "Set home=DIR to a folder that you may write to.",
        ) from error


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path.parent):
        try:
            with beside.open("wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(beside, path)
            sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Make sure a file's bytes are on the disk."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def sync_folder(folder: Path) -> None:
    """Make sure a folder's names are on the disk (a no-op where folders cannot be opened)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # pragma: no cover - not POSIX
        return
    try:
        os.fsync(handle)
    except OSError:  # pragma: no cover - a file system without folder sync
        pass
    finally:
        os.close(handle)
