"""MSMT17 (Wei et al., CVPR 2018): lists that name the images of every split, or three folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from gclbench.datasets.base import Difference, ImageTable
from gclbench.datasets.counts import Expected, differences
from gclbench.datasets.layout import Layout, Rules
from gclbench.datasets.reader import (
    FOLDERS,
    ImageReader,
    Parsed,
    Tables,
    disk_told,
    read_list,
    require_folder,
)
from gclbench.errors import DataMissingError
from gclbench.registry import register

PARTS = ("morning", "noon", "afternoon")
# Four digits number the frames of a slot.
SLOT_FRAMES = 10_000
LISTS = {
    "train": ("list_train.txt", "list_val.txt"),
    "query": ("list_query.txt",),
    "gallery": ("list_gallery.txt",),
}
# Folders of training and test images. Version 2 (blurred faces) is what GCL's code reads (D-30).
VERSIONS = {"V2": ("mask_train_v2", "mask_test_v2"), "V1": ("train", "test")}
NAME = (
    r"\d{4}_\d{3}_(?P<cam>\d{2})_(?P<day>\d{4})(?P<part>[a-z]+)_(?P<frame>\d{4})_\d+(?:_ex)?\.jpg"
)
# A copy in the layout of Market-1501, and the time that its names may have kept.
_CONVERTED = re.compile(
    r"^(?P<pid>\d{4})_c(?P<cam>0?[1-9]|1[0-5])(?!\d)(?P<rest>.*)\.jpg\Z", re.ASCII
)
_TIME = re.compile(
    rf"_(?P<day>\d{{4}})(?P<part>{'|'.join(PARTS)})_(?P<frame>\d{{4}})(?!\d)", re.ASCII
)
_MOST_CAMERAS = 8  # of Market-1501 and DukeMTMC-reID
_LINE = re.compile(rf"(?P<path>\d{{4}}/{NAME})\s+(?P<pid>\d{{1,9}})", re.ASCII)
_TRAIN_CAMERAS = (
    *(4910, 203, 454, 1614, 4296, 1678, 3453, 795),
    *(1396, 655, 3154, 1364, 3635, 3876, 1138),
)
_SOURCE = (
    "Get it from its authors (Longhui Wei and others) and set data.root, or leave data.root unset "
    "to use the rendered twin."
)


@dataclass(frozen=True)
class _Entry:
    """A line of a list: path below the image folder, identity, camera (0-based), frame."""

    path: str
    pid: int
    cam: int
    frame: int


@dataclass(frozen=True)
class Msmt17Reader:
    """Reads the lists; a file that no list names is no part of the dataset.

    Copies in the layout of Market-1501 (bounding_box_train, query, bounding_box_test with names
    <pid>_c<cam>...) are read too: see `market_layout`.

    Training images are list_train and list_val together (D-30). Identities are those of the
    lists; they begin at 0 in training and in test, so equal numbers there are different people.

    A name has a time slot (day and morning, noon or afternoon; 12 in all) and a number within the
    slot, here one after the other: frame = SLOT_FRAMES * (3 * MMDD + part) + number. The official
    JVTC code compares times within a slot only, so the tables say `clock_frames` = SLOT_FRAMES.
    (It also clusters every slot for itself; here images of all slots are clustered together, and
    pairs from different slots have the camera/time probability 0.)
    """

    role: str = "msmt17"
    title: str = "MSMT17"
    folders: tuple[str, ...] = (
        "",
        "MSMT17_V2",
        "MSMT17_V1",
        "MSMT17",
        "msmt17",
        "msmt17/MSMT17_V2",
        "msmt17/MSMT17_V1",
    )

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Versions 2 and 1 with their lists, then the layout of Market-1501."""
        lists = tuple(name for names in LISTS.values() for name in names)
        versions = (
            Layout(f"lists ({version})", folders, partial(_knows, folders), lists)
            for version, folders in VERSIONS.items()
        )
        return (*versions, *self._converted().layouts)

    @property
    def rules(self) -> Rules:
        """Identities count from 0 in training and again in test."""
        return Rules(one_query=None, restart=True, cameras=15)

    def _converted(self) -> ImageReader:
        return market_layout(self.title, self.folders, self.expected, self.rules)

    @property
    def expected(self) -> dict[str, Expected]:
        """Published sizes; both versions hold the same boxes."""
        return {
            "train": Expected(32_621, 1_041, cameras=_TRAIN_CAMERAS),
            "query": Expected(11_659, 3_060),
            "gallery": Expected(82_161, 3_060),
        }

    @disk_told()
    def find_root(self, root: Path) -> Path:
        """Return the folder with the lists and the image folders. Raises DataMissingError."""
        require_folder(root)
        tried = [root / name if name else root for name in self.folders]
        for candidate in tried:
            if any((candidate / name).is_file() for names in LISTS.values() for name in names):
                _version(candidate)
                return candidate
            if self._converted().fits(candidate) and _is_msmt(candidate):
                return candidate
        raise DataMissingError(
            f"{self.title} is not under {root} (looked in {', '.join(map(str, tried))} for "
            f"{', '.join(name for names in LISTS.values() for name in names)}).",
            _SOURCE,
        )

    def label(self, root: Path) -> str:
        """Return the role with the version, which the paper leaves open."""
        if _is_converted(root):
            return f"{self.role} (Market layout)"
        return f"{self.role} ({_version(root)})"

    def members(self, root: Path) -> list[str]:
        """Return the lists and every image they name. Raises DataMissingError as `read` does."""
        if _is_converted(root):
            return self._converted().members(root)
        tables = self.read(root)
        lists = [name for names in LISTS.values() for name in names]
        return lists + [path for table in tables.values() for path in table.paths]

    @disk_told()
    def read(self, root: Path) -> Tables:
        """Return the tables of train, query and gallery, sorted by path.

        Raises DataMissingError for a list that is missing, a line that is not MSMT17's, an image
        that is listed twice in a split, or listed and not there.
        """
        if _is_converted(root):
            tables = self._converted().read(root)
            return {
                split: replace(table, clock_frames=SLOT_FRAMES) for split, table in tables.items()
            }
        train, test = VERSIONS[_version(root)]
        tables = {}
        for split, names in LISTS.items():
            entries = [entry for name in names for entry in _listed(root / name)]
            folder = train if split == "train" else test
            tables[split] = _table(root, folder, sorted(entries, key=lambda entry: entry.path))
        return tables

    def differences(self, tables: Tables) -> list[Difference]:
        """Say where the tables differ from the published counts; empty when all agree."""
        return differences(self.title, self.expected, tables)


@register("datasets", "msmt17", revision=1)
def msmt17() -> Msmt17Reader:
    """MSMT17: 126,441 boxes, 4,101 people, 15 cameras, 12 time slots on four days."""
    return Msmt17Reader()


def market_layout(
    title: str, folders: tuple[str, ...], expected: Mapping[str, Expected], rules: Rules
) -> ImageReader:
    """Return the reader of a copy in the layout of Market-1501.

    Names are <pid>_c<cam>...; where the rest holds MSMT17's own time (0303morning_0008), it is
    read. Otherwise frames are 0 and the camera/time model of JVTC has nothing to learn from.
    """
    return ImageReader("msmt17", title, _CONVERTED, _parse_converted, folders, expected, "", rules)


def _parse_converted(match: re.Match[str]) -> Parsed:
    time = _TIME.search(match["rest"])
    slot = 0 if time is None else 3 * int(time["day"]) + PARTS.index(time["part"])
    number = 0 if time is None else int(time["frame"])
    return Parsed(int(match["pid"]), int(match["cam"]) - 1, 0, SLOT_FRAMES * slot + number)


def _is_converted(root: Path) -> bool:
    lists = any((root / name).is_file() for names in LISTS.values() for name in names)
    return not lists and all((root / name).is_dir() for name in FOLDERS.values())


def _is_msmt(root: Path) -> bool:
    """Whether three folders hold MSMT17, and not Market-1501 or DukeMTMC-reID.

    The folder is called so, or there are more cameras than the 8 of the others.
    """
    if "msmt" in root.name.lower():
        return True
    matches = (_CONVERTED.match(name) for name in os.listdir(root / FOLDERS["train"]))
    return any(int(match["cam"]) > _MOST_CAMERAS for match in matches if match is not None)


def _knows(folders: Sequence[str], path: str) -> bool:
    folder, _, below = path.partition("/")
    return folder in folders and _entry(f"{below} 0") is not None


def _version(root: Path) -> str:
    for version, folders in VERSIONS.items():
        if all((root / name).is_dir() for name in folders):
            return version
    pairs = " or ".join(" and ".join(folders) for folders in VERSIONS.values())
    raise DataMissingError(
        f"{root} has lists of MSMT17 but not its image folders ({pairs}).",
        "Unpack the images beside the lists.",
    )


def _listed(file: Path) -> Iterator[_Entry]:
    remedy = "Restore it from the dataset: MSMT17's lists say which image belongs to which split."
    lines = read_list(file, remedy)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        entry = _entry(line.strip())
        if entry is None:
            raise DataMissingError(
                f"{file}, line {number}: '{line.strip()[:80]}' is not '<pid>/<file>.jpg <pid>' "
                "with a name of MSMT17.",
                "Restore the list from the dataset.",
            )
        yield entry


def _entry(line: str) -> _Entry | None:
    """What a line of a list says; None where it is not in MSMT17's grammar."""
    match = _LINE.fullmatch(line)
    if match is None or match["part"] not in PARTS or int(match["cam"]) < 1:
        return None
    slot = 3 * int(match["day"]) + PARTS.index(match["part"])
    frame = SLOT_FRAMES * slot + int(match["frame"])
    return _Entry(match["path"], int(match["pid"]), int(match["cam"]) - 1, frame)


def _table(root: Path, folder: str, entries: list[_Entry]) -> ImageTable:
    for before, after in pairwise(entries):
        if before.path == after.path:
            raise DataMissingError(
                f"{root} lists {folder}/{after.path} twice in one split.",
                "Restore the lists from the dataset.",
            )
    paths = tuple(f"{folder}/{entry.path}" for entry in entries)
    missing = [path for path in paths if not (root / path).is_file()]
    if missing:
        raise DataMissingError(
            f"the lists of {root} name {missing[0]}, which is not there"
            + (f", like {len(missing) - 1} more." if len(missing) > 1 else "."),
            "Restore the images from the dataset.",
        )
    return ImageTable(
        paths=paths,
        pids=np.array([entry.pid for entry in entries], dtype=np.int64),
        cams=np.array([entry.cam for entry in entries], dtype=np.int64),
        frames=np.array([entry.frame for entry in entries], dtype=np.int64),
        clock_frames=SLOT_FRAMES,
    )
