"""Errors of the file system in words: which path it is, and what is wrong there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gclbench.errors import DataMissingError, GclbenchError, StorageFullError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_WORDS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "a part of this path is a file, where a folder is needed",
    errno.EISDIR: "is a folder, where a file is needed",
    errno.EEXIST: "is there already, and is not a folder",
    errno.ENOTEMPTY: "is a folder that is not empty",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its links lead in a circle",
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "the file system takes no file of this size",
    errno.EMFILE: "too many files are open (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
    errno.EIO: "the disk cannot be read or written",
    errno.ESTALE: "the network disk has lost it",
    errno.EBUSY: "is in use",
    errno.ETXTBSY: "is a program that runs",
    errno.ENXIO: "is no plain file",
    errno.EINVAL: "the name is not allowed",
}
_NO_HOME = "~ stands for no folder, because HOME is not set; set it, or write paths without ~."
_NO_FOLDER = "the current folder does not exist any more; change to one that does."
_NO_TEMPORARY = (
    "no folder for temporary files can be written to; set TMPDIR to one, or free space in /tmp."
)


def explained(error: BaseException) -> str | None:
    """Return `PATH: what is wrong` for an error of the file system; None for any other.

    An error that names no path is one of a program, but where the disk is full, the current folder
    was deleted, there is nowhere to put temporary files, or `~` means nothing.
    """
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return _NO_HOME
    if not isinstance(error, OSError):
        return None
    path = error.filename2 or error.filename
    if path is None:
        return _pathless(error)
    return f"{os.fspath(path)}: {reason(error)}" if error.errno in _WORDS else None


def reason(error: OSError) -> str:
    """Return what is wrong, without the path: "permission denied"."""
    return _WORDS.get(error.errno or 0) or str(error.strerror or error)


@contextmanager
def reading(what: str, path: Path, remedy: str = "") -> Iterator[None]:
    """Turn an error of the file system into DataMissingError: `what PATH: permission denied.`.

    The path is the one that the error names, otherwise `path`.
    """
    try:
        yield
    except OSError as error:
        raise DataMissingError(_sentence(what, path, error), remedy) from error


@contextmanager
def writing(what: str, path: Path, remedy: str = "") -> Iterator[None]:
    """As `reading`, for what is written: GclbenchError, or StorageFullError on a full disk."""
    try:
        yield
    except OSError as error:
        kind = StorageFullError if error.errno in FULL else GclbenchError
        raise kind(_sentence(what, path, error), remedy) from error


def _sentence(what: str, path: Path, error: OSError) -> str:
    named = error.filename2 or error.filename or path
    return f"{what} {os.fspath(named)}: {reason(error)}."


def _pathless(error: OSError) -> str | None:
    if error.errno in FULL:
        return f"the results folder: {reason(error)}"
    if isinstance(error, FileNotFoundError):
        if "temporary directory" in str(error):
            return _NO_TEMPORARY
        if not _current_folder():
            return _NO_FOLDER
    return None


def _current_folder() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True
