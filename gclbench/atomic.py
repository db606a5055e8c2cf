"""Files that are whole or absent: write beside, fsync, rename; a full disk is one clear error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gclbench.errors import GclbenchError, StorageFullError
from gclbench.file_errors import FULL, reason

DRAFT = ".tmp"
HOME_REMEDY = "Set home=DIR to a folder that you may write to."
OUT_REMEDY = "Set out= to a place that you may write to."


@contextmanager
def full_disk_errors(folder: Path) -> Iterator[None]:
    """Turn errors of a full disk, also torch's own, into StorageFullError naming the folder."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        # torch.save to a path hides the system's error behind its writer's name.
        torch_writer = isinstance(error, RuntimeError) and "PytorchStreamWriter" in str(error)
        if torch_writer or (isinstance(error, OSError) and error.errno in FULL):
            raise StorageFullError(
                f"no space left for {folder}; nothing that was finished is lost.",
                "Free some space, or set home=DIR to another disk, then repeat the command.",
            ) from error
        raise


@contextmanager
def storage_errors(folder: Path, remedy: str = HOME_REMEDY) -> Iterator[None]:
    """Turn any failed write into StorageFullError, or a GclbenchError naming folder and remedy."""
    try:
        with full_disk_errors(folder):
            yield
    except OSError as error:
        raise GclbenchError(f"cannot write to {folder}: {reason(error)}.", remedy) from error


def write_atomically(
    path: Path, data: bytes | memoryview, *, durable: bool = True, remedy: str = HOME_REMEDY
) -> Path:
    """Write a file so that a reader, or a crash, sees the old content or the new; return its path.

    The rest is as in `put_in_place`.
    """
    with put_in_place(path, durable=durable, remedy=remedy) as draft, draft.open("xb") as handle:
        handle.write(data)
    return path


@contextmanager
def put_in_place(path: Path, *, durable: bool = True, remedy: str = HOME_REMEDY) -> Iterator[Path]:
    """Give the path of a draft to write, which becomes the file `path` if the block ends well.

    The folder is made. Each call has a draft of its own (see `beside`), so of several that write
    the same file at once one wins and none fails. `durable`: the bytes are on the disk afterwards;
    what can be found again, a cache, needs not wait for that. Raises StorageFullError, and
    GclbenchError with `remedy` where it cannot be written.
    """
    with storage_errors(path.parent, remedy):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = beside(path)
        try:
            yield draft
            if durable:
                sync_file(draft)
            os.replace(draft, path)
            if durable:
                sync_folder(path.parent)
        finally:
            draft.unlink(missing_ok=True)


def beside(path: Path) -> Path:
    """Return a name in a file's folder that no other process or thread writes to; it is hidden."""
    # A long name is cut: with what is added it must stay within 255 bytes, four a character.
    return path.with_name(f".{path.name[:40]}.{os.getpid()}-{os.urandom(4).hex()}{DRAFT}")


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
