"""What the readers of image datasets share: the contract and three-folder layouts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from gclbench.datasets.base import Difference, ImageTable
from gclbench.datasets.counts import Expected, differences
from gclbench.datasets.layout import Layout, Rules
from gclbench.errors import DataMissingError
from gclbench.file_errors import reading
from gclbench.user_text import read_user_text

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
Tables = dict[str, ImageTable]


@dataclass(frozen=True)
class Parsed:
    """What a file name says: pid, camera and sequence (0-based), frame within the sequence."""

    pid: int
    cam: int
    sequence: int
    frame: int


@contextmanager
def disk_told() -> Iterator[None]:
    """Turn what the system says of files that cannot be read into a DataMissingError.

    Also a decorator of what reads: `@disk_told()`.
    """
    remedy = "Give yourself the right to read it, or check the disk."
    with reading("the data at", Path("data.root"), remedy):
        yield


def require_folder(root: Path) -> None:
    """Raise DataMissingError unless `root` is a folder that is there."""
    try:
        os.stat(root)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataMissingError(f"there is no folder {root}.", "Check data.root.") from error
    except ValueError as error:  # a zero byte
        raise DataMissingError(f"{str(root)!r} is no path.", "Check data.root.") from error
    if not os.path.isdir(root):
        raise DataMissingError(f"{root} is no folder.", "Set data.root to the dataset's folder.")


def read_list(file: Path, remedy: str) -> list[str]:
    """Return the lines of a list that belongs to a dataset, whatever editor saved it.

    Raises DataMissingError naming file and line.
    """

    def problem(line: int | None, what: str) -> DataMissingError:
        where = "" if line is None else f", line {line}"
        there = "cannot be read" if os.path.lexists(file) else "is missing"
        return DataMissingError(f"the list {file}{where} {there} ({what}).", remedy)

    return read_user_text(file, problem).split("\n")


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

    @disk_told()
    def find_root(self, root: Path) -> Path:
        """Return the folder that holds the three image folders. Raises DataMissingError."""
        require_folder(root)
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
        return bool(self._images(candidate, "train"))

    def label(self, root: Path) -> str:
        """Return the role."""
        return self.role

    @disk_told()
    def members(self, root: Path) -> list[str]:
        """Return every image of the three folders, junk included, relative to `root`.

        An image is what has a name in the grammar: what other programs leave there is none.
        """
        return [path for split in FOLDERS for path, _ in self._images(root, split)]

    @disk_told()
    def read(self, root: Path) -> Tables:
        """Return the tables of train, query and gallery: sorted, junk dropped, frames cumulative.

        Raises DataMissingError for folders that cannot be read.
        """
        found = {
            split: [row for row in self._images(root, split) if row[1].pid >= 0]
            for split in FOLDERS
        }
        offsets = _sequence_offsets([parsed for _, parsed in found["train"]])
        return {split: _table(rows, offsets) for split, rows in found.items()}

    def _images(self, root: Path, split: str) -> list[tuple[str, Parsed]]:
        """(path, what its name says) of a split's images, sorted."""
        folder = FOLDERS[split]
        matches = ((name, self.pattern.match(name)) for name in sorted(os.listdir(root / folder)))
        return [(f"{folder}/{name}", self.parse(match)) for name, match in matches if match]

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
