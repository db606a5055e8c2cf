"""`out=` is looked at before any work: what cannot be written there is said at once."""

from __future__ import annotations

import os
from pathlib import Path

from gclbench.atomic import OUT_REMEDY
from gclbench.errors import GclbenchError, UsageError
from gclbench.file_errors import reason
from gclbench.words.kinds import FOLDER
from gclbench.words.model import Words


def check_out(words: Words) -> None:
    """Raise UsageError for a file in a folder's place or the other way round, GclbenchError for
    what may not be written to; nothing is made."""
    out = getattr(words, "out", None)
    if isinstance(out, Path):
        check_place(out, folder=words.declared()["out"].kind is FOLDER)


def check_place(out: Path, *, folder: bool) -> None:
    """As `check_out`, for a path and what is to become of it.

    Raises FileNotFoundError for a path from a current folder that was deleted.
    """
    if not out.is_absolute():
        os.getcwd()
    try:
        _check(out, folder=folder)
    except OSError as error:
        raise GclbenchError(f"out={out}: {reason(error)}.", OUT_REMEDY) from error


def _check(out: Path, *, folder: bool) -> None:
    there = out
    while not os.path.lexists(there) and there != there.parent:
        _look(there)
        there = there.parent
    if there == out and folder and _exists(out) and not out.is_dir():
        raise UsageError(f"out={out} is a file.", "Name a folder.")
    if there == out and not folder and out.is_dir():
        raise UsageError(f"out={out} is a folder.", "Name a file in it.")
    if there != out and _exists(there) and not there.is_dir():
        raise UsageError(f"out={out}: {there} is a file, not a folder.", "Name another place.")
    home = there if there.is_dir() else there.parent
    if not os.access(home, os.W_OK | os.X_OK):
        raise GclbenchError(f"out={out}: {home}: permission denied.", OUT_REMEDY)
    if there == out and not folder and _exists(out) and not os.access(out, os.W_OK):
        raise GclbenchError(f"out={out}: permission denied.", OUT_REMEDY)


def _look(path: Path) -> None:
    """Raise OSError for a path that cannot even be asked for: too long, a circle of links."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return


def _exists(path: Path) -> bool:
    """Whether there is something. Raises OSError for a circle of links."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True
