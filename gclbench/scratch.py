"""Folders for a while, which are gone afterwards even where the process stops hard."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDERS: set[str] = set()


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Give a new folder in the system's place for temporary files; it is removed at the end."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        _FOLDERS.add(name)
        try:
            yield Path(name)
        finally:
            _FOLDERS.discard(name)


def remove_all() -> None:
    """Remove every folder of this process that is in use, because nobody will come to its end."""
    for name in list(_FOLDERS):
        shutil.rmtree(name, ignore_errors=True)
