"""Miniatures of the real datasets on disk, with the oddities of the real files.

Every writer fills a folder and returns it. What the readers should make of them is written down in
the tests, not here. Images are flat JPEGs of 8 x 16 pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

MARKET: Mapping[str, Sequence[str]] = {
    "bounding_box_train": (
        "0002_c1s1_000451_03.jpg",
        "0002_c2s2_000100_01.jpg",
        "0007_c1s1_000900_01.jpg",
        "0007_c1s2_000020_01.jpg",
        "0007_c6s3_000040_01.jpg",
    ),
    "query": (
        "0001_c1s1_001051_00.jpg",
        "0001_c2s1_000301_00.jpg.jpg",
        "0005_c3s1_000010_00.jpg",
    ),
    "bounding_box_test": (
        "-1_c1s1_000401_03.jpg",
        "0000_c1s2_000010_01.jpg",
        "0000_c4s1_000020_01.jpg",
        "0000_c5s1_000030_02.jpg",
        "0001_c2s3_000020_02.jpg",
        "0001_c3s3_000021_02.jpg.jpg",
        "0005_c6s1_000050_01.jpg",
    ),
}
DUKE: Mapping[str, Sequence[str]] = {
    "bounding_box_train": ("0001_c2_f0046182.jpg", "0001_c3_f0050000.jpg", "0005_c8_f0000001.jpg"),
    "query": ("0002_c1_f0044158.jpg", "0002_c2_f0044900.jpg"),
    "bounding_box_test": (
        "0002_c2_f0044999.jpg",
        "0002_c3_f0045100.jpg",
        "7140_c5_f0000010.jpg",  # a distractor: one camera, no query
    ),
}
MSMT17: Mapping[str, Sequence[str]] = {
    "list_train.txt": (
        "0000/0000_001_01_0303morning_0008_0_ex.jpg 0",
        "0000/0000_004_14_0303noon_1946_2.jpg 0",
        "0001/0001_000_15_0113afternoon_0021_1.jpg 1",
    ),
    "list_val.txt": ("0000/0000_002_03_0303morning_0012_1.jpg 0",),
    "list_query.txt": ("0000/0000_000_02_0114noon_0100_0.jpg 0",),
    "list_gallery.txt": (
        "0000/0000_001_07_0114noon_0110_0.jpg 0",
        "0001/0001_000_07_0302afternoon_0001_0_ex.jpg 1",
    ),
}
MSMT17_IN_THREE: Mapping[str, Sequence[str]] = {
    "bounding_box_train": (
        "0000_c1_0000.jpg",
        "0000_c14_0001.jpg",
        "0001_c15_0303morning_0008_0.jpg",
    ),
    "query": ("0000_c2_0000.jpg",),
    "bounding_box_test": ("0000_c7_0001.jpg", "0001_c07_0002.jpg"),
}
# Frames of a tracklet; first frame's folder is the first 4 characters of the name.
MARS_TRAIN = (("0001C1T0001", 3, 1), ("0001C2T0001", 2, 1), ("0003C1T0001", 2, 3))
MARS_TEST = (
    ("00-1C1T0001", 2, -1),
    ("0000C3T0001", 2, 0),
    ("0002C1T0001", 3, 2),  # a query, which stays in the gallery
    ("0002C1T0002", 2, 2),
    ("0002C6T0001", 2, 2),  # a query
    ("0004C5T0001", 2, 0),  # its folder says 4, the matrix says distractor, and is right
)
MARS_QUERIES = (3, 5)
# EUG's and BUC's: identities renumbered, 999 junk and 1000 distractors; tracklets from 1.
MARS_PACKAGED = {
    "train_split": (("0001/1", "0001C1T0001", 3), ("0001/2", "0001C2T0001", 2)),
    "query_split": (("1001/1", "0002C1T0001", 3), ("1001/2", "0002C6T0001", 2)),
    "gallery_split": (
        ("0999/1", "00-1C1T0001", 2),
        ("1000/1", "0000C3T0001", 2),
        ("1001/1", "0002C1T0001", 3),  # the query's own frames again
        ("1001/3", "0002C1T0002", 2),
    ),
}
DUKE_VIDEO = {
    # Folder, camera, numbers after F, video frame of the first box, kind.
    "train": (
        ("0001/0001", 6, (1, 2, 3), 30_823, "X"),
        ("0001/0002", 2, (2, 3, 5, 10), 40_000, "X"),  # begins at F0002, with gaps
        ("0005/0001", 8, (1, 2), 100, "X"),
    ),
    "query": (("0002/0001", 1, (1, 2), 5_000, "X"),),
    "gallery": (
        ("0002/0002", 3, (1, 2, 3), 7_000, "X"),
        ("7001/0001", 5, (1, 2), 9_000, "D"),  # a distractor
    ),
}


def write_image(path: Path, shade: int = 0) -> None:
    """Write a flat JPEG, its red being `shade`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 16), (shade % 256, 100, 200)).save(path, "JPEG", quality=95)


def write_folders(root: Path, content: Mapping[str, Sequence[str]], *others: str) -> Path:
    """Write folders of images; `others` are files that are no images, as Thumbs.db."""
    for folder, names in content.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for index, name in enumerate(names):
            write_image(root / folder / name, 10 * index)
    for name in others:
        (root / name).write_bytes(b"not an image")
    return root


def write_market(root: Path) -> Path:
    """Junk, distractors, two names that end in .jpg.jpg, and the Thumbs.db of the real copy."""
    return write_folders(root, MARKET, "bounding_box_train/Thumbs.db")


def write_duke(root: Path) -> Path:
    """With one distractor, whom a single camera saw."""
    return write_folders(root, DUKE)


def write_msmt17(root: Path, version: str = "V2") -> Path:
    """Lists beside the image folders of a version."""
    train, test = {"V2": ("mask_train_v2", "mask_test_v2"), "V1": ("train", "test")}[version]
    for name, listed in MSMT17.items():
        folder = train if name in ("list_train.txt", "list_val.txt") else test
        for index, line in enumerate(listed):
            write_image(root / folder / line.split()[0], 10 * index)
        (root / name).write_text("".join(f"{line}\n" for line in listed), encoding="utf-8")
    return root


def write_msmt17_in_three(root: Path) -> Path:
    """A copy in the layout of Market-1501; one name has kept MSMT17's time."""
    return write_folders(root, MSMT17_IN_THREE)


def write_mars(root: Path) -> Path:
    """Frames, name lists and matrices of the official layout."""
    for part, rows in (("train", MARS_TRAIN), ("test", MARS_TEST)):
        names = [name for stem, count, _ in rows for name in _frames(stem, count)]
        for index, name in enumerate(names):
            write_image(root / f"bbox_{part}" / name[:4] / name, 10 * index)
        write_names(root, part, names)
        lengths = np.cumsum([0, *(count for _, count, _ in rows)])
        matrix = [
            (first + 1, last, pid, int(stem[5]))
            for first, last, (stem, _, pid) in zip(lengths[:-1], lengths[1:], rows, strict=True)
        ]
        write_mat(root / f"info/tracks_{part}_info.mat", f"track_{part}_info", matrix)
    write_mat(root / "info/query_IDX.mat", "query_IDX", [MARS_QUERIES])
    return root


def write_names(root: Path, part: str, names: Iterable[str]) -> None:
    """Write a name list of MARS."""
    (root / "info").mkdir(parents=True, exist_ok=True)
    text = "".join(f"{name}\n" for name in names)
    (root / f"info/{part}_name.txt").write_text(text, encoding="utf-8")


def write_mat(file: Path, key: str, rows: Sequence[Sequence[int]]) -> None:
    """Write a matrix of whole numbers as MATLAB does."""
    from scipy.io import savemat

    savemat(file, {key: np.array(rows, dtype=np.int32)})


def write_mars_packaged(root: Path) -> Path:
    """A folder for each tracklet, as EUG and BUC give MARS out."""
    for folder, tracklets in MARS_PACKAGED.items():
        for below, stem, count in tracklets:
            for index, name in enumerate(_frames(stem, count)):
                write_image(root / folder / below / name, 10 * index)
    return root


def write_duke_video(root: Path, *, old_names: bool = False) -> Path:
    """A folder for each tracklet, with names of the newer or of the older release."""
    form = "{0}C{1}F{2:04d}{3}{4}.jpg" if old_names else "{0}_C{1}_F{2:04d}_{3}{4}.jpg"
    for split, tracklets in DUKE_VIDEO.items():
        for below, cam, places, first, kind in tracklets:
            for place in places:
                frame = first + 12 * (place - places[0])
                name = form.format(below[:4], cam, place, kind, frame)
                write_image(root / split / below / name, 10 * place)
    return root


def _frames(stem: str, count: int) -> list[str]:
    return [f"{stem}F{place:03d}.jpg" for place in range(1, count + 1)]
