"""What every dataset gives: tables of images, decoded pixels, projections of the bodies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gclbench.datasets.cache import cached_array
from gclbench.errors import DataMissingError, UsageError
from gclbench.pictures import open_rgb

Split = Literal["train", "query", "gallery"]
Progress = Callable[[str, int, int], None]
Bytes = NDArray[np.uint8]
Builder = Callable[[Bytes, Progress | None], None]


@dataclass(frozen=True)
class ImageTable:
    """Samples sorted by path (relative to the root); pids, cams (0-based), frames: int64 (N,).

    A sample is an image or a tracklet: what has one row in the memory bank, one pseudo label, one
    place in a ranking. starts: None where every sample is one image; otherwise int64 (N + 1,), and
    `paths[starts[i]:starts[i + 1]]` are the images of tracklet i in temporal order.
    clock_frames: 0 where all frames count on one clock. Otherwise clocks start anew: images with
    different frames // clock_frames were filmed in different sessions, and how far their frames
    lie apart means nothing.
    """

    paths: tuple[str, ...]
    pids: NDArray[np.int64] = field(repr=False)
    cams: NDArray[np.int64] = field(repr=False)
    frames: NDArray[np.int64] = field(repr=False)
    clock_frames: int = 0
    starts: NDArray[np.int64] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.pids)

    @property
    def spans(self) -> NDArray[np.int64]:
        """Return where each sample's images begin and the last one's end: int64 (N + 1,)."""
        return np.arange(len(self) + 1, dtype=np.int64) if self.starts is None else self.starts


@dataclass(frozen=True)
class Difference:
    """What differs from the published sizes; `firm` where these are beyond doubt."""

    text: str
    firm: bool


@dataclass(frozen=True)
class Dataset:
    """One dataset in its role.

    `label` is what reports print, `fingerprint` the digest of the images; arrays are made
    on first use under `arrays`, one file each, and memory mapped.
    """

    name: str
    role: str
    label: str
    root: Path
    fingerprint: str
    synthetic: bool
    train: ImageTable
    query: ImageTable
    gallery: ImageTable
    height_px: int
    width_px: int
    arrays: Path
    projections_file: str = ""
    project_with: Builder | None = field(default=None, repr=False)
    oracle_with: Builder | None = field(default=None, repr=False)
    factors_with: Callable[[Split], Any] | None = field(default=None, repr=False)
    progress: Progress | None = field(default=None, repr=False)
    verify_with: Callable[[], list[Difference]] | None = field(default=None, repr=False)

    def verify(self, strict: bool = False) -> list[str]:
        """Compare with the published counts and return what differs.

        With `strict` a difference from counts that are beyond doubt raises DataMissingError. A
        rendered dataset has none to meet.
        """
        found = self.verify_with() if self.verify_with is not None else []
        firm = [each.text for each in found if each.firm]
        if strict and firm:
            raise DataMissingError(" ".join(firm), "Use the complete dataset.")
        return [each.text for each in found]

    def table(self, split: Split) -> ImageTable:
        tables = {"train": self.train, "query": self.query, "gallery": self.gallery}
        if split not in tables:
            raise UsageError(f"no split '{split}'.", f"Allowed: {', '.join(tables)}.")
        return tables[split]

    def images(self, split: Split) -> Bytes:
        """Return uint8 (F, H, W, 3) RGB, decoded and resized (bicubic) once, rows as `paths`.

        F = N for images; the spans of the table tell which rows are a tracklet's.

        Raises DataMissingError naming a file that is missing or cannot be read.
        """
        table = self.table(split)

        def build(out: Bytes) -> None:
            for index, path in enumerate(table.paths):
                out[index] = read_image(self.root / path, self.height_px, self.width_px)
                if self.progress is not None:
                    self.progress(f"{self.label} {split} images", index + 1, len(table.paths))

        name = f"{split}-{self.height_px}x{self.width_px}.npy"
        shape = (len(table.paths), self.height_px, self.width_px, 3)
        return cached_array(self.arrays / name, shape, build)

    def projections(self) -> Bytes:
        """Return uint8 (F_train, 8, H, W): gray bodies on white, turned by index * 45 degrees."""
        if self.project_with is None:
            raise UsageError(f"{self.label} has no mesh source.", "Set data.mesh.source.")
        return self._made(self.projections_file, (), self.project_with)

    def oracle_views(self) -> Bytes:
        """Return uint8 (F_train, 8, H, W, 3): the same person, camera and light, body turned.

        Index 0 is the own image before compression; the others have another part of the camera's
        scene behind them. Raises UsageError for real data.
        """
        if self.oracle_with is None:
            raise no_oracle_views(self.label)
        name = f"oracle-{self.height_px}x{self.width_px}.npy"
        return self._made(name, (3,), self.oracle_with)

    def factors(self, split: Split) -> Any:
        """Return the true `synthetic.factors.Factors` of a split's images; None for real data."""
        return None if self.factors_with is None else self.factors_with(split)

    def _made(self, name: str, tail: tuple[int, ...], builder: Builder) -> Bytes:
        shape = (len(self.train.paths), 8, self.height_px, self.width_px, *tail)
        return cached_array(self.arrays / name, shape, lambda out: builder(out, self.progress))


def no_oracle_views(label: str) -> UsageError:
    """The error for views of real people from sides that nobody filmed."""
    return UsageError(
        f"{label} is real: nobody knows its people from other sides.",
        "Use oracle views with the rendered world (data.root unset).",
    )


def read_image(path: Path, height_px: int, width_px: int) -> Bytes:
    """Read an image file as uint8 (H, W, 3) RGB. Raises DataMissingError naming the file."""
    image = open_rgb(path)
    if image.size != (width_px, height_px):
        image = image.resize((width_px, height_px), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.uint8)
