"""Published sizes of the datasets, what a table holds, and where the two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gclbench.datasets.base import Difference, ImageTable


@dataclass(frozen=True)
class Expected:
    """Published sizes of one split; None or () is what nobody has published.

    cameras: samples per camera, from camera 1 on. papers_only: fields that are stated in papers
    alone; a difference there is told, and is no fault. The others were counted in released files
    or are stated by the dataset's own documentation.
    """

    images: int | None
    identities: int | None
    tracklets: int | None = None
    cameras: tuple[int, ...] = ()
    papers_only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counts:
    """What a table holds; tracklets None where every sample is an image."""

    images: int
    identities: int
    tracklets: int | None
    cameras: tuple[int, ...]


def count(table: ImageTable) -> Counts:
    """Count images, identities (0, the distractors, is one), tracklets, samples per camera."""
    return Counts(
        images=len(table.paths),
        identities=len(np.unique(table.pids)),
        tracklets=None if table.starts is None else len(table),
        cameras=tuple(int(number) for number in np.bincount(table.cams)),
    )


def differences(
    title: str, expected: Mapping[str, Expected], tables: Mapping[str, ImageTable]
) -> list[Difference]:
    """Say where tables differ from the published sizes; empty when all agree."""
    return [
        Difference(f"{title} {split}: {text}", field not in sizes.papers_only)
        for split, sizes in expected.items()
        for field, text in _of_split(sizes, count(tables[split]))
    ]


def _of_split(sizes: Expected, found: Counts) -> Iterator[tuple[str, str]]:
    for field in ("images", "tracklets", "identities"):
        here, published = getattr(found, field), getattr(sizes, field)
        if published is not None and here != published:
            yield field, f"{here} {field}, published {published}."
    if sizes.cameras and found.cameras != sizes.cameras:
        here, published = (
            " ".join(str(number) for number in numbers)
            for numbers in (found.cameras, sizes.cameras)
        )
        yield "cameras", f"{here} samples of cameras 1, 2, ..., published {published}."
