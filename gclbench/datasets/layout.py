"""How a dataset lies on disk: folders, lists, the grammar of names; `gclbench data check` asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


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
        folders = [name for name in self.folders if not (root / name).is_dir()]
        return folders + [name for name in self.files if not (root / name).is_file()]

    def present(self, root: Path) -> int:
        """Return how many of the folders and lists are there."""
        return len(self.folders) + len(self.files) - len(self.missing(root))

    def walk(self, root: Path) -> Iterator[tuple[str, int]]:
        """Yield (path relative to `root`, size in bytes) of every file of the image folders."""
        for folder in self.folders:
            yield from _walk(root, folder)


@dataclass(frozen=True)
class Rules:
    """What holds in a dataset beyond its counts.

    one_query: a person has one query in all, or one from each camera. The test set's identities
    are none of the training set's, but where numbers `restart` equal numbers mean nothing.
    """

    one_query: Literal["camera", "person"] | None = "camera"
    restart: bool = False


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


def _walk(root: Path, folder: str) -> Iterator[tuple[str, int]]:
    if not (root / folder).is_dir():
        return
    with os.scandir(root / folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            path = f"{folder}/{entry.name}"
            if entry.is_dir():
                yield from _walk(root, path)
            else:
                yield path, entry.stat().st_size
