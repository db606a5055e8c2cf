"""Features of images that belong to no dataset."""

from __future__ import annotations

import glob
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gclbench.atomic import OUT_REMEDY, write_atomically
from gclbench.datasets.base import read_image
from gclbench.errors import DataMissingError, UsageError
from gclbench.evaluation.neighbours import nearest_images
from gclbench.runtime.checkpoints.source import Source
from gclbench.user_paths import user_path

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
Features = NDArray[np.float32]


def find_images(text: str) -> list[Path]:
    """Return the images of a folder (and folders in it), a glob or one file, sorted by path.

    Raises DataMissingError when there is none.
    """
    place = user_path(text)
    if place.is_file():
        return [place]
    if place.is_dir():
        inside = place.rglob("*")
    else:
        inside = (Path(name) for name in glob.iglob(str(place), recursive=True))
    found = sorted(path for path in inside if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise DataMissingError(
            f"images={text} names no image.", f"Name a folder or a glob; known: {_known()}."
        )
    return found


def _known() -> str:
    return ", ".join(SUFFIXES)


def embed_images(
    source: Source,
    paths: Sequence[Path],
    batch_size: int = 64,
    on_progress: Callable[[int, int], None] = lambda done, all_images: None,
) -> Features:
    """Return unit features (N, E) in the order of `paths`, a batch in memory at a time.

    Raises DataMissingError naming an image that cannot be read, UsageError for batch_size < 1.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}, it must be at least 1.")
    rows: list[Features] = []
    for start in range(0, len(paths), batch_size):
        batch = paths[start : start + batch_size]
        images = [read_image(path, source.height_px, source.width_px) for path in batch]
        rows.append(source.embed(np.stack(images)).numpy())
        on_progress(start + len(batch), len(paths))
    return np.concatenate(rows)


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
