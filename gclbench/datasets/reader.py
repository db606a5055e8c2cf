"""What the readers of image datasets share: the contract and three-folder layouts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from gclbench.datasets.base import Difference, ImageTable
from gclbench.datasets.counts import Expected, differences
from gclbench.datasets.layout import Layout, Rules
from gclbench.errors import DataMissingError

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
Tables = dict[str, ImageTable]


@dataclass(frozen=True)
class Parsed:
    """What a file name says: pid, camera and sequence (0-based), frame within the sequence."""

    pid: int
    cam: int
    sequence: int
    frame: int


class Reader(Protocol):
    """What a dataset's file offers: where it lies, what it consists of, its tables."""

    @property
    def role(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders below a root where the dataset may lie; "" is the root itself."""

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The ways in which it may lie there."""

    @property
    def rules(self) -> Rules:
        """What else holds in it."""

    @property
    def expected(self) -> Mapping[str, Expected]:
        """Published sizes of the splits."""

    def find_root(self, root: Path) -> Path:
        """Return the dataset's folder in or below `root`. Raises DataMissingError."""

    def label(self, root: Path) -> str:
        """Return what results carry as the name of these images."""

    def members(self, root: Path) -> list[str]:
        """Return the files that make up the dataset, relative to its folder.

        Raises DataMissingError where the dataset itself says that one is missing.
        """

    def read(self, root: Path) -> Tables:
        """Return the tables of train, query and gallery, sorted. Raises DataMissingError."""

    def differences(self, tables: Tables) -> list[Difference]:
        """Say where the tables differ from the published counts; empty when all agree."""


@dataclass(frozen=True)
class ImageReader:
    """A reader of a dataset in three image folders, which may lie in one of `folders`."""

    role: str
    title: str
    pattern: re.Pattern[str]
    parse: Callable[[re.Match[str]], Parsed]
    folders: tuple[str, ...]
    expected: Mapping[str, Expected]
    source: str
    rules: Rules = field(default_factory=Rules)
    on_disk: Mapping[str, int] = field(default_factory=dict)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The three folders."""
        return (
            Layout(
                "three folders", tuple(FOLDERS.values()), self._knows, images=dict(self.on_disk)
            ),
        )

    def _knows(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        return folder in FOLDERS.values() and self.pattern.match(name) is not None

    def find_root(self, root: Path) -> Path:
        """Return the folder that holds the three image folders. Raises DataMissingError."""
        tried = [root / name if name else root for name in self.folders]
        for candidate in tried:
            if self.fits(candidate):
                return candidate
        raise DataMissingError(
            f"{self.title} is not under {root} (looked in {', '.join(str(t) for t in tried)} for "
            f"{', '.join(FOLDERS.values())} with names like its own).",
            f"Get it from {self.source} and set data.root, or leave data.root unset to use the "
            "rendered twin.",
        )

    def fits(self, candidate: Path) -> bool:
        """Whether a folder holds the three, and training images with names like these."""
        if not all((candidate / name).is_dir() for name in FOLDERS.values()):
            return False
        names = (entry.name for entry in (candidate / FOLDERS["train"]).iterdir())
        return any(self.pattern.match(name) for name in names)

    def label(self, root: Path) -> str:
        """Return the role."""
        return self.role

    def members(self, root: Path) -> list[str]:
        """Return every file of the three folders, relative to `root`."""
        return [
            f"{folder}/{path.name}"
            for folder in FOLDERS.values()
            for path in sorted((root / folder).iterdir())
            if path.is_file()
        ]

    def read(self, root: Path) -> Tables:
        """Return the tables of train, query and gallery: sorted, junk dropped, frames cumulative.

        Raises DataMissingError for an empty split.
        """
        found = {split: self._scan(root, split) for split in FOLDERS}
        offsets = _sequence_offsets([parsed for _, parsed in found["train"]])
        return {split: _table(rows, offsets) for split, rows in found.items()}

    def _scan(self, root: Path, split: str) -> list[tuple[str, Parsed]]:
        folder = root / FOLDERS[split]
        rows = []
        for name in sorted(entry.name for entry in folder.iterdir()):
            match = self.pattern.match(name)
            if match is None:
                continue
            parsed = self.parse(match)
            if parsed.pid >= 0:
                rows.append((f"{FOLDERS[split]}/{name}", parsed))
        return rows

    def differences(self, tables: Tables) -> list[Difference]:
        """Say where the tables differ from the published counts; empty when all agree."""
        return differences(self.title, self.expected, tables)


def _sequence_offsets(train: Sequence[Parsed]) -> dict[tuple[int, int], int]:
    """Offset of (camera, sequence): the sum over earlier sequences of the largest training frame.

    Source: JVTC's released lists; frame counters restart in each of Market-1501's sequences.
    """
    largest: dict[tuple[int, int], int] = {}
    for row in train:
        key = (row.cam, row.sequence)
        largest[key] = max(largest.get(key, 0), row.frame)
    cams = {cam for cam, _ in largest}
    return {
        (cam, number): sum(largest.get((cam, earlier), 0) for earlier in range(number))
        for cam in cams
        for number in range(10)
    }


def _table(
    rows: Sequence[tuple[str, Parsed]], offsets: Mapping[tuple[int, int], int]
) -> ImageTable:
    frames = [row.frame + offsets.get((row.cam, row.sequence), 0) for _, row in rows]
    return ImageTable(
        paths=tuple(path for path, _ in rows),
        pids=np.array([row.pid for _, row in rows], dtype=np.int64),
        cams=np.array([row.cam for _, row in rows], dtype=np.int64),
        frames=np.array(frames, dtype=np.int64),
    )
