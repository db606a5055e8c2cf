"""Features of images that belong to no dataset."""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gclbench.atomic import OUT_REMEDY, write_atomically
from gclbench.clutter import files_below, is_clutter
from gclbench.datasets.base import read_image
from gclbench.errors import DataMissingError, UsageError
from gclbench.evaluation.neighbours import nearest_images
from gclbench.file_errors import reading, reason
from gclbench.pictures import SUFFIXES, UNREAD_SUFFIXES
from gclbench.runtime.checkpoints.source import Source
from gclbench.user_paths import user_path

Features = NDArray[np.float32]
Broken = dict[Path, str]


def find_images(text: str, broken: Broken | None = None) -> list[Path]:
    """Return the images of a folder (and folders in it), a glob or one file, sorted by path.

    What other programs leave in folders is none. Links that lead nowhere, and pictures of kinds
    that are not read, are among them: who reads them says what is wrong. `broken` is told of
    folders that may not be read. Raises DataMissingError when there is no image.
    """
    place = user_path(text)
    with reading("the images", place, "Check images=, and your right to read it."):
        if place.is_file():
            return [place]
        inside = _below(place, broken) if place.is_dir() else _matching(place)
    wanted = (*SUFFIXES, *UNREAD_SUFFIXES)
    found = sorted(path for path in inside if path.suffix.lower() in wanted)
    if not found:
        there = "" if place.exists() or glob.has_magic(text) else " (it is not there)"
        raise DataMissingError(
            f"images={text} names no image{there}.",
            f"Name a folder or a glob; known: {', '.join(SUFFIXES)}.",
        )
    return found


def _below(folder: Path, broken: Broken | None) -> list[Path]:
    def refused(error: OSError) -> None:
        if broken is not None:
            place = Path(os.fsdecode(error.filename))
            broken[place] = f"the folder {place} cannot be read ({reason(error)})."

    return [path for _, path in files_below(folder, refused)]


def _matching(place: Path) -> list[Path]:
    found = (Path(name) for name in glob.iglob(str(place), recursive=True))
    return [path for path in found if not path.is_dir() and not is_clutter(path.name)]


def embed_images(
    source: Source,
    paths: Sequence[Path],
    batch_size: int = 64,
    on_progress: Callable[[int, int], None] = lambda done, all_images: None,
    broken: Broken | None = None,
) -> Features:
    """Return unit features (N, E) in the order of `paths`, a batch in memory at a time.

    With `broken` images that cannot be read are put there, with what is wrong, and have no row.
    Raises DataMissingError naming an image that cannot be read, with `broken` only where none can
    be; UsageError for batch_size < 1.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}, it must be at least 1.")
    rows: list[Features] = []
    for start in range(0, len(paths), batch_size):
        batch = paths[start : start + batch_size]
        images = [image for path in batch for image in _read(source, path, broken)]
        if images:
            rows.append(source.embed(np.stack(images)).numpy())
        on_progress(start + len(batch), len(paths))
    if not rows:
        raise DataMissingError(
            f"none of {len(paths)} images can be read; the first: {paths[0]}: "
            f"{next(iter((broken or {}).values()), '')}",
            "Check that images= names pictures.",
        )
    return np.concatenate(rows)


def _read(source: Source, path: Path, broken: Broken | None) -> list[NDArray[np.uint8]]:
    """The pixels of an image; none for one that is broken."""
    try:
        return [read_image(path, source.height_px, source.width_px)]
    except DataMissingError as error:
        if broken is None:
            raise
        broken[path] = str(error)
        return []


def nearest_paths(
    source: Source, query: Path, features: Features, paths: Sequence[Path], top: int
) -> list[tuple[Path, float]]:
    """Return the `top` images nearest to an image, with squared distances, ascending.

    The query's own file is left out where it is among them. Raises DataMissingError.
    """
    image = read_image(query, source.height_px, source.width_px)
    (vector,) = source.embed(image[None])
    others = [row for row, path in enumerate(paths) if path.resolve() != query.resolve()]
    if not others:
        return []
    rows, distances = nearest_images(vector, torch.from_numpy(features[others]), top)
    return [
        (paths[others[row]], float(distance))
        for row, distance in zip(rows, distances, strict=True)
    ]


def write_features(out: Path, features: Features, paths: Sequence[Path]) -> None:
    """Write an npz with `features` float32 (N, E) and `paths` (N,), whole or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, features=features, paths=np.array([path.as_posix() for path in paths]))
    write_atomically(out, buffer.getbuffer(), remedy=OUT_REMEDY)
