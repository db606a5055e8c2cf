"""Tracklets on disk: one as a record, many as a table, and layouts with a folder for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gclbench.datasets.base import ImageTable
from gclbench.errors import DataMissingError


@dataclass(frozen=True)
class Tracklet:
    """Frames in temporal order, relative to the root; camera (0-based); first frame's number."""

    paths: tuple[str, ...]
    pid: int
    cam: int
    frame: int = 0


@dataclass(frozen=True)
class Frame:
    """What a frame's name says: camera (0-based), place in its tracklet, number in the video."""

    cam: int
    place: int
    frame: int = 0


ParseFrame = Callable[[str], Frame | None]


def table_of(tracklets: Iterable[Tracklet]) -> ImageTable:
    """Return the table of tracklets, sorted by the path of the first frame."""
    rows = sorted(tracklets, key=lambda tracklet: tracklet.paths)
    lengths = [len(row.paths) for row in rows]
    return ImageTable(
        paths=tuple(path for row in rows for path in row.paths),
        pids=np.array([row.pid for row in rows], dtype=np.int64),
        cams=np.array([row.cam for row in rows], dtype=np.int64),
        frames=np.array([row.frame for row in rows], dtype=np.int64),
        starts=np.cumsum([0, *lengths], dtype=np.int64),
    )


def scan(root: Path, folder: str, parse: ParseFrame) -> list[Tracklet]:
    """Return the tracklets of `folder`/<pid>/<tracklet>/<frame> below `root`.

    Frames are in the order of their places, which may have gaps. Names that `parse` answers with
    None, folders whose name is no number and tracklets without frames are passed over. Raises
    DataMissingError for a tracklet that two cameras filmed, OSError for a folder that is closed.
    """
    found = []
    for person, tracklet in tracklet_folders(root / folder):
        below = f"{folder}/{person}/{tracklet}"
        frames = {name: parse(name) for name in sorted(os.listdir(root / below))}
        parsed = {name: frame for name, frame in frames.items() if frame is not None}
        if parsed:
            found.append(_tracklet(root, below, int(person), parsed))
    return found


def tracklet_folders(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (person, tracklet) of the numbered folders two levels deep, sorted."""
    for person in _folders(folder):
        for tracklet in _folders(folder / person):
            yield person, tracklet


def is_number(name: str) -> bool:
    """Whether a folder's name is the number of an identity or a tracklet."""
    return name.isascii() and name.isdecimal() and len(name) <= 9


def _tracklet(root: Path, below: str, pid: int, frames: dict[str, Frame]) -> Tracklet:
    names = sorted(frames, key=lambda name: (frames[name].place, name))
    cams = sorted({frame.cam for frame in frames.values()})
    if len(cams) > 1:
        raise DataMissingError(
            f"the tracklet {root / below} has frames of cameras "
            f"{' and '.join(str(cam + 1) for cam in cams)}.",
            "Restore the folder from the dataset.",
        )
    first = frames[names[0]].frame
    return Tracklet(tuple(f"{below}/{name}" for name in names), pid, cams[0], first)


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if is_number(entry.name) and entry.is_dir())
