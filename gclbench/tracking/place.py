"""Where the store of a results folder lies; nothing is opened."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from gclbench.errors import DataMissingError, UsageError

STORE_FILE = "store.db"


def store_url(home: Path, chosen: str | None = None) -> str:
    """Return the URL of a results folder's store: the one that was chosen, else its own file.

    A path is no part of a URL as it stands: `%` and `?` mean something there. Raises UsageError
    for a folder whose name is no text.
    """
    if chosen:
        return chosen
    try:
        return f"sqlite:///{quote(str(home.resolve() / STORE_FILE))}"
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the name of the results folder {home} is not UTF-8.", "Choose another: home=DIR."
        ) from error


def check_writable(path: Path, what: str, remedy: str) -> None:
    """Raise DataMissingError unless a file or folder can be written to, or made; none is made."""
    there = path
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if there != path and not there.is_dir():
        raise DataMissingError(f"{what} cannot be made: {there} is not a folder.", remedy)
    if not os.access(there, os.W_OK | (os.X_OK if there.is_dir() else 0)):
        raise DataMissingError(f"{what} cannot be written: {there}: permission denied.", remedy)
