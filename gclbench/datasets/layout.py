"""How a dataset lies on disk: folders, lists, the grammar of names; `gclbench data check` asks."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gclbench.clutter import is_clutter

NO_FILE, CLOSED = -1, -2


@dataclass(frozen=True)
class Layout:
    """One way in which a dataset lies on disk, all names relative to its folder.

    `knows(path)` says whether a file below the image folders has a name in the grammar; `images`
    how many such files the complete dataset has in a folder, junk included.
    """

    name: str
    folders: tuple[str, ...]
    knows: Callable[[str], bool] = field(repr=False)
    files: tuple[str, ...] = ()
    images: Mapping[str, int] = field(default_factory=dict)

    def missing(self, root: Path) -> list[str]:
        """Return the folders and lists that are not there."""
        folders = [name for name in self.folders if not os.path.isdir(root / name)]
        return folders + [name for name in self.files if not os.path.isfile(root / name)]

    def present(self, root: Path) -> int:
        """Return how many of the folders and lists are there."""
        return len(self.folders) + len(self.files) - len(self.missing(root))

    def walk(self, root: Path) -> Iterator[tuple[str, int]]:
        """Yield (path relative to `root`, size in bytes) of every file of the image folders.

        What cannot be read as a file has the size NO_FILE: links that lead nowhere or back to
        a folder above them, pipes, folders with the name of an image. What may not be read has
        CLOSED. Folders of clutter come as one file.
        """
        for folder in self.folders:
            if os.path.isdir(root / folder):
                yield from _walk(root, folder, self.knows, ())


@dataclass(frozen=True)
class Rules:
    """What holds in a dataset beyond its counts.

    one_query: a person has one query in all, or one from each camera. The test set's identities
    are none of the training set's, but where numbers `restart` equal numbers mean nothing.
    cameras: how many there are; None where names allow no others. camera_of(file name) is the
    camera (0-based) that a name tells where identity and camera come from elsewhere; otherwise
    all names of an identity begin with one number.
    """

    one_query: Literal["camera", "person"] | None = "camera"
    restart: bool = False
    cameras: int | None = None
    camera_of: Callable[[str], int | None] | None = field(default=None, repr=False)


def best_layout(
    root: Path, folders: Sequence[str], layouts: Sequence[Layout]
) -> tuple[Path, Layout]:
    """Return the folder in or below `root`, and the layout, of which most is there.

    Of equals the first; nothing need be there at all.
    """
    pairs = [(root / name if name else root, layout) for name in folders for layout in layouts]
    return max(pairs, key=lambda pair: _completeness(*pair))


def _completeness(root: Path, layout: Layout) -> tuple[bool, int]:
    return not layout.missing(root), layout.present(root)


def _walk(
    root: Path, folder: str, knows: Callable[[str], bool], above: tuple[str, ...]
) -> Iterator[tuple[str, int]]:
    place = os.path.realpath(root / folder)
    if place in above:
        yield folder, NO_FILE
        return
    try:
        with os.scandir(place) as entries:
            found = sorted(entries, key=lambda each: each.name)
    except OSError:
        yield folder, CLOSED
        return
    for entry in found:
        path = f"{folder}/{entry.name}"
        kind, size = _looked_at(entry)
        if stat.S_ISDIR(kind) and not knows(path) and not is_clutter(entry.name):
            yield from _walk(root, path, knows, (*above, place))
        elif stat.S_ISREG(kind):
            yield path, size if _open_to_us(entry.path) else CLOSED
        else:
            yield path, NO_FILE


def _open_to_us(path: str) -> bool:
    return os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)


def _looked_at(entry: os.DirEntry[str]) -> tuple[int, int]:
    """Mode and size of what an entry leads to; (0, 0) where it leads nowhere."""
    try:
        status = entry.stat()
    except OSError:
        return 0, 0
    return status.st_mode, status.st_size
