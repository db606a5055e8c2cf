"""Paths that users type, read in one way wherever they stand: words, settings, content."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gclbench.errors import UsageError


def user_path(text: str | os.PathLike[str]) -> Path:
    """Return the path that a user means; relative ones count from the current folder.

    `~` is the home folder (the shell leaves it in WORD=~/x), a file:// address as file managers
    drop it is the path in it, blanks around are none of it. Raises UsageError for an address of
    another machine, for nothing, and for what no path can hold.
    """
    if not isinstance(text, str):
        return Path(text)
    plain = text.strip()
    if plain.startswith("file:"):
        plain = _of_address(plain)
    if not plain or "\0" in plain:
        raise UsageError(f"{text!r} is no path.", "Name a file or folder.")
    return Path(plain).expanduser()


def _of_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, path = parts.netloc, unquote(text.removeprefix("file:").removeprefix("//"))
    except ValueError as error:
        raise UsageError(f"{text!r} is no address of a file.", "Write its path.") from error
    if host not in ("", "localhost"):
        raise UsageError(f"{text} is a file of another machine ({host}).", "Copy it here first.")
    return path.removeprefix("localhost")
