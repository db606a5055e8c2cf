"""MARS (Zheng et al., ECCV 2016): tracklets named by matrices over lists of frames."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.base import Difference
from gclbench.datasets.counts import Expected, differences
from gclbench.datasets.layout import Layout, Rules
from gclbench.datasets.reader import Tables, disk_told, read_list, require_folder
from gclbench.datasets.tracklet_folders import Frame, Tracklet, is_number, scan, table_of
from gclbench.errors import DataMissingError
from gclbench.file_errors import reason
from gclbench.registry import register

Gallery = Literal["official", "without_queries"]
Ints = NDArray[np.int64]
INFO = (
    *("info/train_name.txt", "info/test_name.txt", "info/tracks_train_info.mat"),
    *("info/tracks_test_info.mat", "info/query_IDX.mat"),
)
PARTS = ("bbox_train", "bbox_test")
# The packaged variant of EUG and BUC: a folder for each tracklet, identities renumbered.
PACKAGED = {"train": "train_split", "query": "query_split", "gallery": "gallery_split"}
PACKAGED_JUNK, PACKAGED_DISTRACTORS = 999, 1000
_NAME = re.compile(r"(?:\d{4}|00-1)C(?P<cam>[1-6])T\d{4}F(?P<place>\d{3})\.jpg", re.ASCII)
_CAMERAS = 6
_RESTORE = "Restore it from the dataset."


@dataclass(frozen=True)
class MarsReader:
    """Reads the official layout, or the packaged one; which it is follows from the folders.

    Identities are those of the matrices: 0 marks distractors, which stay in the gallery, and -1
    junk, which is dropped. gallery "official" keeps the query tracklets in the gallery, as the
    official evaluation does (same identity and camera never count, other queries do);
    "without_queries" takes them out, as much public code does, and leaves 140 queries without a
    match. MARS does not say when a tracklet was filmed: `frames` are 0.
    """

    gallery: Gallery = "official"
    role: str = "mars"
    title: str = "MARS"
    folders: tuple[str, ...] = ("", "MARS", "mars", "Mars", "mars/MARS")

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The official layout and the packaged one."""
        images = {"bbox_train": 509_914, "bbox_test": 681_089}
        return (
            Layout("official", PARTS, _knows_official, INFO, images),
            Layout("packaged", tuple(PACKAGED.values()), _knows_packaged),
        )

    @property
    def rules(self) -> Rules:
        """One tracklet of each person and camera is a query."""
        return Rules(camera_of=_camera_of)

    @property
    def expected(self) -> dict[str, Expected]:
        """Published sizes; the gallery's are those without junk."""
        train = (1816, 1957, 1321, 750, 1880, 574)
        query = (524, 456, 319, 191, 384, 106)
        others = (1637, 3120, 1162, 734, 1711, 966)
        everyone = tuple(sum(pair) for pair in zip(query, others, strict=True))
        galleries = {
            "official": Expected(681_089 - 23_380, 635, 12_180 - 870, cameras=everyone),
            "without_queries": Expected(543_216, 621, 9_330, cameras=others),
        }
        return {
            "train": Expected(509_914, 625, 8_298, cameras=train),
            "query": Expected(114_493, 626, 1_980, cameras=query),
            "gallery": galleries[self.gallery],
        }

    @disk_told()
    def find_root(self, root: Path) -> Path:
        """Return the folder with the lists and frames, or with the packaged splits.

        Raises DataMissingError.
        """
        require_folder(root)
        tried = [root / name if name else root for name in self.folders]
        for candidate in tried:
            if is_packaged(candidate) or any((candidate / name).is_file() for name in INFO):
                return candidate
        raise DataMissingError(
            f"{self.title} is not under {root} (looked in {', '.join(map(str, tried))} for info/ "
            f"with its lists, or for {', '.join(PACKAGED.values())}).",
            "Get it from its authors (Liang Zheng and others) and set data.root, or leave "
            "data.root unset to use the rendered twin.",
        )

    def label(self, root: Path) -> str:
        """Return the role; the packaged variant and a gallery without queries say so."""
        words = ["packaged"] if is_packaged(root) else []
        words += ["gallery without queries"] if self.gallery == "without_queries" else []
        return f"{self.role} ({', '.join(words)})" if words else self.role

    def members(self, root: Path) -> list[str]:
        """Return lists, matrices and frames, whichever gallery is asked for."""
        tables = MarsReader("official").read(root)
        frames = {path for table in tables.values() for path in table.paths}
        return ([] if is_packaged(root) else list(INFO)) + sorted(frames)

    @disk_told()
    def read(self, root: Path) -> Tables:
        """Return the tables of train, query and gallery, a row for each tracklet.

        Raises DataMissingError for a list or matrix that is missing, damaged or at odds with the
        others, and for a frame that is listed and not there.
        """
        splits = _packaged(root) if is_packaged(root) else _official(root)
        known = {tracklet.paths for tracklet in splits["query"]}
        others = [each for each in splits["gallery"] if each.paths not in known]
        queries = splits["query"] if self.gallery == "official" else []
        splits["gallery"] = [*others, *queries]
        return {
            split: table_of(each for each in tracklets if each.pid >= 0)
            for split, tracklets in splits.items()
        }

    def differences(self, tables: Tables) -> list[Difference]:
        """Say where the tables differ from the published counts; empty when all agree."""
        return differences(self.title, self.expected, tables)


@register("datasets", "mars", revision=1)
def mars(gallery: Gallery = "official") -> MarsReader:
    """MARS: 20,478 tracklets, 1,261 people, 6 cameras; id 0 distractor, -1 junk."""
    return MarsReader(gallery)


def is_packaged(root: Path) -> bool:
    """Whether a folder holds the packaged variant."""
    return all((root / name).is_dir() for name in PACKAGED.values())


def parse_frame(name: str) -> Frame | None:
    """What a frame's name says; None where it is not in MARS's grammar."""
    match = _NAME.fullmatch(name)
    return None if match is None else Frame(int(match["cam"]) - 1, int(match["place"]))


def _camera_of(name: str) -> int | None:
    frame = parse_frame(name)
    return None if frame is None else frame.cam


def _knows_official(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return folder in {f"{part}/{name[:4]}" for part in PARTS} and parse_frame(name) is not None


def _knows_packaged(path: str) -> bool:
    parts = path.split("/")
    fits = len(parts) == 4 and is_number(parts[1]) and is_number(parts[2])
    return fits and parse_frame(parts[3]) is not None


def _packaged(root: Path) -> dict[str, list[Tracklet]]:
    """The folders as they are, but for a query that lies in the gallery too: it is one tracklet.

    It is known by its identity and the names of its frames; the gallery's copy is left out.
    """
    ids = {PACKAGED_JUNK: -1, PACKAGED_DISTRACTORS: 0}
    found = {
        split: [
            Tracklet(each.paths, ids.get(each.pid, each.pid), each.cam)
            for each in scan(root, folder, parse_frame)
        ]
        for split, folder in PACKAGED.items()
    }
    queries = {(each.pid, _names(each)) for each in found["query"]}
    found["gallery"] = [
        each for each in found["gallery"] if (each.pid, _names(each)) not in queries
    ]
    return found


def _names(tracklet: Tracklet) -> tuple[str, ...]:
    return tuple(path.rpartition("/")[2] for path in tracklet.paths)


def _official(root: Path) -> dict[str, list[Tracklet]]:
    train = _tracklets(root, "train")
    test = _tracklets(root, "test")
    queries = _query_rows(root, len(test))
    return {
        "train": train,
        "query": [test[row] for row in queries],
        "gallery": test,
    }


def _tracklets(root: Path, part: str) -> list[Tracklet]:
    """The tracklets of a matrix, in its order."""
    file = root / "info" / f"tracks_{part}_info.mat"
    matrix = load_matrix(file, f"track_{part}_info")
    if matrix.ndim != 2 or matrix.shape[1] != 4:
        raise DataMissingError(
            f"{file} holds a matrix {matrix.shape}, not rows of first, last, pid, cam.", _RESTORE
        )
    names = _listed(root, part)
    wrong = _wrong_row(matrix, len(names))
    if wrong is not None:
        raise DataMissingError(
            f"{file}, row {wrong + 1}: {matrix[wrong].tolist()} is not first, last (of the "
            f"{len(names)} names of {part}_name.txt), pid, cam (1-{_CAMERAS}).",
            _RESTORE,
        )
    return [
        Tracklet(tuple(sorted(names[first - 1 : last])), int(pid), int(cam) - 1)
        for first, last, pid, cam in matrix
    ]


def _wrong_row(matrix: Ints, names: int) -> int | None:
    first, last, pid, cam = matrix.T
    fits = (first >= 1) & (first <= last) & (last <= names)
    fits &= (pid >= -1) & (cam >= 1) & (cam <= _CAMERAS)
    wrong = np.flatnonzero(~fits)
    return int(wrong[0]) if len(wrong) else None


def _listed(root: Path, part: str) -> list[str]:
    """The paths of a name list, all of which must be there."""
    file = root / "info" / f"{part}_name.txt"
    names = [line.strip() for line in read_list(file, _RESTORE) if line.strip()]
    for number, name in enumerate(names, 1):
        if parse_frame(name) is None:
            raise DataMissingError(
                f"{file}, name {number}: '{name[:80]}' is no frame of MARS.", _RESTORE
            )
    folder = f"bbox_{part}"
    _all_there(root / folder, file, names)
    return [f"{folder}/{name[:4]}/{name}" for name in names]


def _all_there(folder: Path, file: Path, names: Iterable[str]) -> None:
    here: dict[str, set[str]] = {}
    missing = []
    for name in names:
        person = name[:4]
        if person not in here:
            below = folder / person
            here[person] = set(os.listdir(below)) if below.is_dir() else set()
        if name not in here[person]:
            missing.append(f"{person}/{name}")
    if missing:
        raise DataMissingError(
            f"{file} names {missing[0]}, which is not in {folder}"
            + (f", like {len(missing) - 1} more." if len(missing) > 1 else "."),
            "Restore the images from the dataset.",
        )


def _query_rows(root: Path, tracklets: int) -> list[int]:
    """The rows (0-based) of the test matrix that are queries."""
    file = root / "info" / "query_IDX.mat"
    rows = load_matrix(file, "query_IDX").ravel()
    if len(np.unique(rows)) != len(rows) or rows.min(initial=1) < 1 or rows.max() > tracklets:
        raise DataMissingError(
            f"{file} does not name different rows of the {tracklets} test tracklets.", _RESTORE
        )
    return [int(row) - 1 for row in rows]


def load_matrix(file: Path, key: str) -> Ints:
    """Return a whole-number matrix of a .mat file. Raises DataMissingError naming the file."""
    from scipy.io import loadmat

    try:
        if not file.is_file():  # a pipe would never end
            raise FileNotFoundError("no plain file")
        with file.open("rb") as handle:
            content: dict[str, Any] = loadmat(handle, variable_names=[key])
    except Exception as error:  # a damaged file raises whatever its parser stumbled over
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise DataMissingError(
            f"{file} is missing or cannot be read as a .mat file ({why}).", _RESTORE
        ) from error
    values = content.get(key)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf" or not values.size:
        raise DataMissingError(f"{file} has no numbers named {key}.", _RESTORE)
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
    if not np.array_equal(whole, values):
        raise DataMissingError(f"{key} of {file} holds numbers that are not whole.", _RESTORE)
    return whole
