"""DukeMTMC-VideoReID (Wu et al., CVPR 2018): a folder for each tracklet."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from gclbench.datasets.base import Difference
from gclbench.datasets.counts import Expected, differences
from gclbench.datasets.layout import Layout, Rules
from gclbench.datasets.reader import Tables, disk_told, require_folder
from gclbench.datasets.tracklet_folders import Frame, scan, table_of, tracklet_folders
from gclbench.errors import DataMissingError
from gclbench.registry import register

SPLITS = ("train", "query", "gallery")
# 0001_C6_F0099_X30823.jpg; an older release writes 0001C6F0099X30823.jpg. D marks distractors.
_NAME = re.compile(
    r"\d{4}_?C(?P<cam>[1-8])_?F(?P<place>\d{4})_?[XD](?P<frame>\d{1,9})\.jpg", re.ASCII
)
_PATH = re.compile(rf"({'|'.join(SPLITS)})/\d{{1,9}}/\d{{1,9}}/[^/]+", re.ASCII)
TEST_FRAMES = 445_764


@dataclass(frozen=True)
class DukeVideoReader:
    """Reads train, query and gallery/<pid>/<tracklet>/<frame>.

    Frames follow the number after F, which begins at 1 or 2 and may have gaps; a tracklet's time
    is its first frame's number in the camera's video (after X), as the name gives it.
    """

    role: str = "dukemtmc_videoreid"
    title: str = "DukeMTMC-VideoReID"
    folders: tuple[str, ...] = (
        "",
        "DukeMTMC-VideoReID",
        "dukemtmc_videoreid",
        "dukemtmc-videoreid",
        "dukemtmc_videoreid/DukeMTMC-VideoReID",
    )

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The three folders of tracklets."""
        return (Layout("tracklet folders", SPLITS, _knows),)

    @property
    def rules(self) -> Rules:
        """One tracklet of each person is a query."""
        return Rules(one_query="person")

    @property
    def expected(self) -> dict[str, Expected]:
        """Published sizes; of query and gallery only papers speak."""
        weak = ("images", "tracklets", "identities")
        return {
            "train": Expected(369_656, 702, 2_196, papers_only=("images",)),
            "query": Expected(None, 702, 702, papers_only=weak),
            "gallery": Expected(None, 1_110, 2_636, papers_only=weak),
        }

    @disk_told()
    def find_root(self, root: Path) -> Path:
        """Return the folder that holds the three splits. Raises DataMissingError."""
        require_folder(root)
        tried = [root / name if name else root for name in self.folders]
        for candidate in tried:
            if all((candidate / name).is_dir() for name in SPLITS) and _fits(candidate / "train"):
                return candidate
        raise DataMissingError(
            f"{self.title} is not under {root} (looked in {', '.join(map(str, tried))} for "
            f"{', '.join(SPLITS)} with tracklets like its own).",
            "Get it from whoever may share it with you (its images were withdrawn) and set "
            "data.root, or leave data.root unset to use the rendered twin.",
        )

    def label(self, root: Path) -> str:
        """Return the role."""
        return self.role

    def members(self, root: Path) -> list[str]:
        """Return every frame of every tracklet."""
        return [path for table in self.read(root).values() for path in table.paths]

    @disk_told()
    def read(self, root: Path) -> Tables:
        """Return the tables of train, query and gallery, a row for each tracklet.

        Raises DataMissingError for a tracklet that two cameras filmed and for closed folders.
        """
        return {split: table_of(scan(root, split, parse_frame)) for split in SPLITS}

    def differences(self, tables: Tables) -> list[Difference]:
        """Say where the tables differ from the published counts; empty when all agree."""
        found = differences(self.title, self.expected, tables)
        frames = len(tables["query"].paths) + len(tables["gallery"].paths)
        if frames != TEST_FRAMES:
            text = f"{self.title} test: {frames} images, published {TEST_FRAMES}."
            found.append(Difference(text, firm=False))
        return found


@register("datasets", "dukemtmc_videoreid", revision=1)
def dukemtmc_videoreid() -> DukeVideoReader:
    """DukeMTMC-VideoReID: 5,534 tracklets, 1,812 people, 8 cameras; a box every 12 frames."""
    return DukeVideoReader()


def parse_frame(name: str) -> Frame | None:
    """What a frame's name says; None where it is in neither of the two grammars."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return Frame(int(match["cam"]) - 1, int(match["place"]), int(match["frame"]))


def _knows(path: str) -> bool:
    return _PATH.fullmatch(path) is not None and parse_frame(path.rpartition("/")[2]) is not None


def _fits(folder: Path) -> bool:
    """Whether some tracklet of the folder has a frame in the dataset's grammar."""
    return any(
        parse_frame(name) is not None
        for person, tracklet in tracklet_folders(folder)
        for name in os.listdir(folder / person / tracklet)
    )
