"""What other programs leave in folders of data: it is nobody's data, and no fault either.

One rule for every folder that is walked: datasets, rendered bodies, images of one's own. Not for
a file that a user names by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

_NAMES = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "lost+found"),
        *("__macosx", "@eadir", "#recycle", "@recycle", "$recycle.bin"),
        *("system volume information", "__pycache__", "network trash folder"),
    }
)
_ENDS = ("~", ".bak", ".crdownload", ".orig", ".part", ".swp", ".tmp")


def is_clutter(path: str) -> bool:
    """Whether a path (with /, below the folder that is walked) or a folder in it is clutter.

    Hidden files and folders (`.DS_Store`, `._0001.jpg`, `.ipynb_checkpoints`, `.@__thumb`), those
    that Windows, macOS, Synology and QNAP make, backups and half downloads.
    """
    return any(_cluttered(name) for name in path.split("/") if name)


def _cluttered(name: str) -> bool:
    lower = name.lower()
    return lower.startswith((".", "~$")) or lower in _NAMES or lower.endswith(_ENDS)


def files_below(
    folder: Path, refused: Callable[[OSError], None] | None = None
) -> Iterator[tuple[str, Path]]:
    """Yield (path below `folder` with /, file) of all that is no clutter, sorted; links too.

    Links to folders are followed, but not back to a folder above them. A folder that cannot be
    read is handed to `refused`, or raises OSError without it. Yields whatever is no folder, also
    links that lead nowhere.
    """
    yield from _below(folder, "", (os.path.realpath(folder),), refused)


def _below(
    folder: Path, at: str, above: tuple[str, ...], refused: Callable[[OSError], None] | None
) -> Iterator[tuple[str, Path]]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if refused is None:
            raise
        refused(error)
        return
    for entry in found:
        if _cluttered(entry.name):
            continue
        path = Path(entry.path)
        if not _leads_to_folder(entry):
            yield f"{at}{entry.name}", path
            continue
        real = os.path.realpath(path)
        if real not in above:
            yield from _below(path, f"{at}{entry.name}/", (*above, real), refused)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False
