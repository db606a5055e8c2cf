"""GCL's published folders of rendered bodies: names, what is missing, reading and writing.

Layout: <root>/<split>/render/<name> for the own view and <root>/<split>/render_<deg>/<name> for
45 ... 315 degrees, where <split> is `train` or `test` and <name> is what `sources.below` gives.
Any size, read as 8-bit gray as a person sees it (`gclbench.pictures`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gclbench.errors import DataMissingError
from gclbench.meshes.projections import ANGLES
from gclbench.meshes.sources import below
from gclbench.pictures import open_gray

Progress = Callable[[str, int, int], None]
Bytes = NDArray[np.uint8]
VIEWS = ("render", *(f"render_{45 * angle}" for angle in range(1, ANGLES)))
IMPORT = "gclbench mesh import dataset=NAME data.root=DIR archive=FILE"
SHOWN = 10


@dataclass(frozen=True)
class Missing:
    """Renders of one split and view that are not there, by name and sorted; `asked` in all."""

    split: str
    view: str
    asked: int
    names: tuple[str, ...]


def missing_renders(
    has: Callable[[str], bool], split: str, names: Iterable[str]
) -> tuple[Missing, ...]:
    """Return what is missing of a split, one entry for each of the 8 views.

    `has` answers whether `<split>/<view>/<name>` is there.
    """
    wanted = sorted(names)
    return tuple(
        Missing(
            split,
            view,
            len(wanted),
            tuple(name for name in wanted if not has(f"{split}/{view}/{name}")),
        )
        for view in VIEWS
    )


def require_renders(found: Sequence[Missing], root: Path, remedy: str) -> None:
    """Raise DataMissingError with counts by view and the first ten names, if any is missing."""
    incomplete = [each for each in found if each.names]
    if not incomplete:
        return
    names = [f"{each.split}/{each.view}/{name}" for each in incomplete for name in each.names]
    counts = ", ".join(f"{e.split}/{e.view} {len(e.names)} of {e.asked}" for e in incomplete)
    raise DataMissingError(
        f"{len(names)} rendered bodies are missing under {root} ({counts}): "
        f"{', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''}.",
        remedy,
    )


def check_archive(root: Path, paths: Sequence[str], command: str = IMPORT) -> None:
    """Raise DataMissingError unless all training images `paths` have their 8 renders."""
    names = [below(path) for path in paths]
    found = missing_renders(lambda name: (root / name).is_file(), "train", names)
    require_renders(
        found,
        root,
        f"Complete the mesh archive (data.mesh.root), or get the whole one with: {command}",
    )


def read_archive(
    out: Bytes,
    root: Path,
    paths: Sequence[str],
    progress: Progress | None = None,
    command: str = IMPORT,
) -> None:
    """Fill `out` uint8 (N, 8, H, W) from the folders of rendered training images.

    Raises DataMissingError: before anything is read with all that is missing, or naming the first
    file that cannot be read.
    """
    check_archive(root, paths, command)
    size = (out.shape[3], out.shape[2])
    for index, path in enumerate(paths):
        for angle, view in enumerate(VIEWS):
            out[index, angle] = _read_gray(root / "train" / view / below(path), size, command)
        if progress is not None:
            progress("projections", index + 1, len(paths))


def _read_gray(file: Path, size: tuple[int, int], command: str) -> Bytes:
    try:
        image = open_gray(file)
    except DataMissingError as error:
        again = f"Get the rendered body anew, for example with: {command}"
        raise DataMissingError(error.message, again) from error
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.uint8)


def write_archive(
    folder: Path, paths: Sequence[str], projections: Bytes, progress: Progress | None = None
) -> None:
    """Write projections uint8 (N, 8, H, W) of the training images `paths` under `folder`.

    Every file holds a PNG, which loses nothing, under the image's own name as the layout wants,
    `.jpg` included: Pillow, which GCL's loader and ours use, looks at the bytes.
    """
    names = [below(path) for path in paths]
    for parent in sorted({str(Path(name).parent) for name in names}):
        for view in VIEWS:
            (folder / "train" / view / parent).mkdir(parents=True, exist_ok=True)
    for index, (name, views) in enumerate(zip(names, projections, strict=True)):
        for view, data in zip(VIEWS, views, strict=True):
            (folder / "train" / view / name).write_bytes(_png(data))
        if progress is not None:
            progress("renders", index + 1, len(names))


def _png(gray: Bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "PNG")
    return buffer.getvalue()


def roots_in(names: Iterable[str]) -> Iterator[str]:
    """Yield the folders of a listing (paths with /) that hold `train/render`, each once, sorted.

    "" is the top; others end in a slash.
    """
    mark = f"train/{VIEWS[0]}/"
    found = set()
    for name in names:
        place = f"/{name}".find(f"/{mark}")
        if place >= 0:
            found.add(name[:place])
    yield from sorted(found)
