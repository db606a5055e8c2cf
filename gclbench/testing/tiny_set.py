"""A dataset of a few small images in memory, and settings of its size: for contract suites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.base import ImageTable
from gclbench.schema import Settings
from gclbench.schema.overrides import flatten, nest
from gclbench.seeding import numpy_generator

HEIGHT_PX, WIDTH_PX = 64, 32
SPLITS = ("train", "query", "gallery")
_CAMERAS = 3

# The smallest E_id that a 64x32 image passes through, and JVTC's sizes for it.
TINY: dict[str, Any] = {
    "data.height_px": HEIGHT_PX,
    "data.width_px": WIDTH_PX,
    "network.id_encoder.depth": "resnet18",
    "network.id_encoder.width": 4,
    "network.id_encoder.embedding_dim": 16,
    "warmup.epochs": 3,
    "warmup.batch_images": 8,
    "warmup.copies": 2,
    "warmup.global_from_epoch": 2,
    "warmup.joint_from_epoch": 3,
    "warmup.refresh_every_epochs": 1,
    "warmup.memory_momentum_step": 0.1,
    "warmup.k1": 4,
    "warmup.k2": 2,
    "warmup.rho": 0.05,
}


def tiny_settings(over: Mapping[str, Any] | None = None, base: Settings | None = None) -> Settings:
    """Return settings of tiny sizes; `over` sets more of them by dotted keys.

    `base` is what is shrunk, the defaults where it is left out; of it only images and E_id are
    then touched.
    """
    if base is None:
        return Settings.model_validate(nest({**TINY, **flatten(over or {})}))
    shrunk = {name: v for name, v in TINY.items() if not name.startswith("warmup.")}
    known = flatten(base.model_dump())
    return Settings.model_validate(nest({**known, **shrunk, **flatten(over or {})}))


@dataclass(frozen=True)
class TinySet:
    """What stage 1 asks of a dataset: people who are dressed in two colours, before three cameras.

    Of `people` there are five training images each, besides `strays` of pure noise; query and
    gallery hold the same people once, and twice. Another `seed` has other people. With
    `tracklets`, samples have one, two, three, one, ... frames. Writing to its images is an error,
    as it is with the memory maps of a real one.
    """

    people: int = 8
    strays: int = 2
    seed: int = 0
    label: str = "tiny"
    role: str = "market1501"
    tracklets: bool = False
    fingerprint: str = "0" * 64
    synthetic: bool = True
    height_px: int = HEIGHT_PX
    width_px: int = WIDTH_PX
    tables: Mapping[str, ImageTable] = field(default_factory=dict, repr=False)

    def table(self, split: str) -> ImageTable:
        return self.tables[split] if split in self.tables else self._drawn(split)

    @property
    def train(self) -> ImageTable:
        return self.table("train")

    @property
    def query(self) -> ImageTable:
        return self.table("query")

    @property
    def gallery(self) -> ImageTable:
        return self.table("gallery")

    def images(self, split: str) -> NDArray[np.uint8]:
        """Return uint8 (N, H, W, 3)."""
        return self._pixels[split]

    def factors(self, split: str) -> None:
        """Nothing is known of these images."""

    def relabelled(self) -> TinySet:
        """Return the same images, cameras and times with other identities in every split.

        Those of training are drawn anew, so that their number differs too; query and gallery
        change theirs among themselves.
        """
        rng = numpy_generator(self.seed, "relabelled")
        pids = {split: rng.permutation(self.table(split).pids) for split in SPLITS}
        pids["train"] = rng.integers(0, 1000, len(self.train))
        tables = {split: replace(self.table(split), pids=pids[split]) for split in SPLITS}
        return replace(self, tables=tables)

    def _people_of(self, split: str) -> NDArray[np.int64]:
        each = {"train": 5, "query": 1, "gallery": 2}[split]
        shown = np.repeat(np.arange(self.people), each)
        strays = self.people + np.arange(self.strays if split == "train" else 0)
        return np.concatenate([shown, strays])

    def _lengths(self, split: str) -> NDArray[np.int64]:
        """How many images each sample of a split has."""
        number = np.arange(len(self._people_of(split)))
        return number % 3 + 1 if self.tracklets else np.ones_like(number)

    def _drawn(self, split: str) -> ImageTable:
        people = self._people_of(split)
        number = np.arange(len(people))
        starts = np.cumsum([0, *self._lengths(split)])
        first = {"train": 0, "query": 0, "gallery": 1}[split]
        spread = 1 if split == "query" else _CAMERAS - first
        return ImageTable(
            paths=tuple(f"{split}/{index:03d}.jpg" for index in range(starts[-1])),
            pids=people + (0 if split == "train" else 100),
            cams=first + number % spread,
            frames=400 * people + 60 * (number % 5),
            starts=starts if self.tracklets else None,
        )

    @cached_property
    def _pixels(self) -> dict[str, NDArray[np.uint8]]:
        colours = numpy_generator(self.seed, "colours").uniform(20, 235, (self.people, 2, 3))
        pixels = {}
        for split in SPLITS:
            rng = numpy_generator(self.seed, "pixels", split)
            people = np.repeat(self._people_of(split), self._lengths(split))
            images = rng.normal(0, 15, (len(people), HEIGHT_PX, WIDTH_PX, 3))
            known = people < self.people
            images[known, : HEIGHT_PX // 2] += colours[people[known], 0][:, None, None]
            images[known, HEIGHT_PX // 2 :] += colours[people[known], 1][:, None, None]
            images[~known] = rng.uniform(0, 255, images[~known].shape)
            pixels[split] = images.clip(0, 255).astype(np.uint8)
            pixels[split].setflags(write=False)
        return pixels
