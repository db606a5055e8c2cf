"""Names and lists of planned tracklets, in the grammars of MARS and DukeMTMC-VideoReID."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from gclbench.datasets.dukemtmc_videoreid import parse_frame as parse_duke
from gclbench.datasets.mars import parse_frame as parse_mars
from gclbench.datasets.synthetic.shot import Shot
from gclbench.datasets.synthetic.shots import World
from gclbench.errors import UsageError

Named = list[tuple[str, Shot]]
MARS_FOLDERS = {"train": "bbox_train", "query": "bbox_test", "gallery": "bbox_test"}
_MAT_HEADER = b"MATLAB 5.0 MAT-file, written by gclbench"
_MAT_HEADER_BYTES = 116  # free text, where scipy writes the time of day
_SMALLER = "Lower data.world.people_train, people_test or images_per_person."


def mars_names(world: World, split: str) -> Named:
    """Name the boxes of a split; tracklets of an id and camera are numbered through a folder.

    Raises UsageError where a world is too large for the digits.
    """
    folder, counted = MARS_FOLDERS[split], dict[tuple[str, int], int]()
    named = []
    for boxes in _tracklets(world, folder):
        who = "00-1" if boxes[0].pid < 0 else f"{boxes[0].pid:04d}"
        key = (who, boxes[0].camera)
        counted[key] = counted.get(key, 0) + 1
        stem = f"{who}C{boxes[0].camera + 1}T{counted[key]:04d}"
        if boxes[0].split == split:
            # Real names count the boxes of a tracklet without gaps.
            named += [(f"{stem}F{place:03d}.jpg", box) for place, box in enumerate(boxes, 1)]
    for name, _ in named:
        if parse_mars(name) is None:
            raise UsageError(f"{name} is no name of MARS: the world is too large.", _SMALLER)
    return named


def dukev_names(world: World, split: str) -> Named:
    """Name the boxes of a split by <pid>/<tracklet>/<file>; D marks those of distractors.

    Tracklets of a person are numbered through, query and gallery together. Raises UsageError
    where a world is too large for the digits.
    """
    queried = {shot.pid for shot in world.split("query")}
    named = []
    for shot in world.split(split):
        kind = "D" if split == "gallery" and shot.pid not in queried else "X"
        file = f"{shot.pid:04d}_C{shot.camera + 1}_F{shot.box:04d}_{kind}{shot.frame}.jpg"
        if parse_duke(file) is None or not re.fullmatch(r"\d{4}", f"{shot.pid:04d}"):
            raise UsageError(
                f"{file} is no name of DukeMTMC-VideoReID: the world is too large.", _SMALLER
            )
        named.append((f"{shot.pid:04d}/{shot.tracklet + 1:04d}/{file}", shot))
    return named


def write_info(world: World, folder: Path) -> None:
    """Write MARS's name lists and matrices: test rows hold queries, junk and distractors too."""
    info = folder / "info"
    info.mkdir(parents=True, exist_ok=True)
    for part, splits in (("train", ("train",)), ("test", ("query", "gallery"))):
        named = sorted(
            (pair for split in splits for pair in mars_names(world, split)),
            key=lambda pair: pair[0],
        )
        text = "".join(f"{name}\n" for name, _ in named)
        (info / f"{part}_name.txt").write_text(text, encoding="utf-8", newline="\n")
        rows, queries = _matrix(named)
        _write_mat(info / f"tracks_{part}_info.mat", f"track_{part}_info", rows)
        if part == "test":
            _write_mat(info / "query_IDX.mat", "query_IDX", queries)


def _tracklets(world: World, folder: str) -> Iterator[list[Shot]]:
    """The tracklets that lie in a folder, in the order of the plan."""
    shots = [shot for shot in world.shots if MARS_FOLDERS[shot.split] == folder]
    for _, boxes in groupby(shots, key=lambda shot: (shot.person, shot.tracklet)):
        yield list(boxes)


def _matrix(named: Named) -> tuple[np.ndarray, np.ndarray]:
    """Rows of first, last (1-based), pid, camera; and the numbers (1-based) of query rows."""
    rows, queries, last = [], [], 0
    for number, (_, group) in enumerate(groupby(named, key=lambda pair: pair[0][:11]), 1):
        boxes = [shot for _, shot in group]
        rows.append((last + 1, last + len(boxes), boxes[0].pid, boxes[0].camera + 1))
        last += len(boxes)
        if boxes[0].split == "query":
            queries.append(number)
    return np.array(rows, dtype=np.int32), np.array([queries], dtype=np.int32)


def _write_mat(file: Path, key: str, values: np.ndarray) -> None:
    """Write a .mat file whose bytes depend on nothing but its content."""
    from scipy.io import savemat

    buffer = io.BytesIO()
    savemat(buffer, {key: values})
    content = buffer.getvalue()
    file.write_bytes(_MAT_HEADER.ljust(_MAT_HEADER_BYTES) + content[_MAT_HEADER_BYTES:])
