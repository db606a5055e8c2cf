"""Make what mesh sources read: estimate bodies, import rendered ones, render them to share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gclbench.content import Content
from gclbench.content_folders import DEFAULT_PROFILE
from gclbench.datasets.base import Dataset
from gclbench.datasets.load import load_dataset
from gclbench.datasets.mesh_sources import estimate_bodies
from gclbench.devices import check_device, choose_device
from gclbench.errors import DataMissingError, GclbenchError, StorageFullError, UsageError
from gclbench.meshes.archive import (
    VIEWS,
    Missing,
    missing_renders,
    require_renders,
    roots_in,
    write_archive,
)
from gclbench.meshes.archive_kinds import ENDS
from gclbench.meshes.sources import below
from gclbench.meshes.unpack import Archive, open_archive
from gclbench.schema import Settings
from gclbench.schema.overrides import resolve_settings
from gclbench.schema.settings import MeshSettings

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class MeshRequest:
    """Which dataset, with the settings of a run: of a profile, then `overrides`."""

    role: str
    home: Path
    profile: str = DEFAULT_PROFILE
    overrides: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    content_dirs: tuple[Path, ...] = ()

    def settings(self) -> Settings:
        """Raises OverrideError or UnknownNameError."""
        profile = Content(self.content_dirs).profile(self.profile)
        return resolve_settings(profile, None, None, None, self.overrides)

    def dataset(
        self, mesh: MeshSettings | None = None, progress: Progress | None = None
    ) -> Dataset:
        """Return the whole dataset, with other mesh settings where given.

        Raises DeviceMissingError, before anything is read, for a device that is not there.
        """
        check_device(self.device)
        data = self.settings().data
        update = {"validation_share": 0.0, "mesh": mesh or data.mesh}
        cache = self.home / "cache"
        return load_dataset(self.role, data.model_copy(update=update), cache, progress)


@dataclass(frozen=True)
class Imported:
    """What was found in an archive: where it can be read, and what is missing by split and view.

    `unpacked` counts files that were written; `left` those of the archive that the dataset does
    not ask for.
    """

    root: Path
    missing: tuple[Missing, ...]
    unpacked: int
    left: int


def estimate_parameters(
    request: MeshRequest, weights: Path, out: Path | None = None, progress: Progress | None = None
) -> tuple[Path, int]:
    """Run HMR over the training images; return the file of parameters and how many it holds.

    Default place: <home>/meshes/<role>.npz. Raises DataMissingError or CheckpointError.
    """
    data = request.settings().data
    mesh = MeshSettings(renderer="raster", body_model=data.mesh.body_model)
    if not weights.is_file():
        raise DataMissingError(f"there are no HMR weights at {weights}.", "Check weights=.")
    dataset = request.dataset(mesh, progress)
    file = estimate_bodies(
        data,
        dataset.train.paths,
        dataset.root,
        dataset.fingerprint,
        weights,
        out or request.home / "meshes" / f"{request.role}.npz",
        str(choose_device(request.device)),
        progress,
    )
    return file, len(dataset.train.paths)


def import_archive(
    request: MeshRequest, archive: Path, out: Path | None = None, progress: Progress | None = None
) -> Imported:
    """Check a folder, zip or tar of rendered bodies, and unpack what the dataset asks for.

    A folder is read where it is. Others are unpacked to <home>/meshes/<role>/ by default, whole or
    not at all. Raises DataMissingError where renders of training images are missing, GclbenchError
    for an archive that must not be unpacked, UsageError for a place that is taken.
    """
    dataset = request.dataset(MeshSettings(renderer="raster"), progress)
    names = {
        "train": sorted({below(path) for path in dataset.train.paths}),
        "test": sorted({below(p) for p in (*dataset.query.paths, *dataset.gallery.paths)}),
    }
    if archive.is_dir():
        if out is not None:
            raise UsageError(
                f"{archive} is a folder: it is read where it is.",
                "Leave out= away; it is where a zip or tar is unpacked.",
            )
        return _folder(archive, names)
    target = out or request.home / "meshes" / request.role
    with open_archive(archive) as opened:
        _free(target)
        return _unpacked(opened, names, target, progress)


def render_archive(
    request: MeshRequest, out: Path, progress: Progress | None = None
) -> tuple[Dataset, int]:
    """Draw the projections of `data.mesh` and write them as an archive in GCL's layout.

    The array that runs with the same settings map into memory is made on the way. Returns the
    dataset and the number of files. Raises UsageError for a place that is taken.
    """
    _free(out)
    dataset = request.dataset(progress=progress)
    projections = dataset.projections()
    with _beside(out) as folder:
        write_archive(folder, dataset.train.paths, projections, progress)
    return dataset, len(projections) * len(VIEWS)


def _folder(archive: Path, names: Mapping[str, Collection[str]]) -> Imported:
    root = _best(archive, _roots_below(archive), names["train"], _on_disk(archive))
    found = _preflight(names, _on_disk(root), root)
    return Imported(root, found, 0, 0)


def _roots_below(archive: Path) -> Iterator[str]:
    """The places in a folder that may hold the layout: itself, and folders up to two levels."""
    for pattern in ("train", "*/train", "*/*/train"):
        for train in sorted(archive.glob(pattern)):
            if (train / VIEWS[0]).is_dir():
                place = train.parent.relative_to(archive).as_posix()
                yield "" if place == "." else f"{place}/"


def _on_disk(root: Path) -> Callable[[str], bool]:
    return lambda name: (root / name).is_file()


def _unpacked(
    opened: Archive,
    names: Mapping[str, Collection[str]],
    target: Path,
    progress: Progress | None,
) -> Imported:
    sizes = opened.sizes
    _no_archives_inside(opened)
    prefix = _best_prefix(opened.file, roots_in(sizes), names["train"], sizes.__contains__)
    found = _preflight(names, lambda name: prefix + name in sizes, opened.file)
    asked = (
        f"{split}/{view}/{name}" for split, all_of in names.items() for view in VIEWS
        for name in all_of
    )  # fmt: skip
    wanted = {prefix + name: name for name in asked if prefix + name in sizes}
    target.parent.mkdir(parents=True, exist_ok=True)
    needed = sum(sizes[name] for name in wanted)
    if needed > shutil.disk_usage(target.parent).free:
        raise StorageFullError(
            f"{opened.file} takes {needed / 1e9:.1f} GB, more than is free at {target.parent}.",
            "Free some space, or choose another out=.",
        )
    with _beside(target) as folder:
        opened.unpack(wanted, folder, progress)
    return Imported(target, found, len(wanted), len(sizes) - len(wanted))


def _no_archives_inside(opened: Archive) -> None:
    """Raise DataMissingError for an archive that holds others and no renders of its own."""
    inside = [name for name in opened.sizes if name.lower().endswith(ENDS)]
    if inside and not any(roots_in(opened.sizes)):
        raise DataMissingError(
            f"{opened.file} holds other archives ({', '.join(sorted(inside)[:3])}) and no folder "
            f"train/{VIEWS[0]}.",
            f"Unpack it, and give one of those: archive={Path(sorted(inside)[0]).name}",
        )


def _best(
    archive: Path, places: Iterable[str], train: Collection[str], has: Callable[[str], bool]
) -> Path:
    return archive / _best_prefix(archive, places, train, has)


def _best_prefix(
    archive: Path, places: Iterable[str], train: Collection[str], has: Callable[[str], bool]
) -> str:
    """Of the places in an archive, the one with most of the dataset's own views.

    GCL's release holds several datasets, each in a folder of its own.
    """
    counts = {
        place: sum(has(f"{place}train/{VIEWS[0]}/{name}") for name in train) for place in places
    }
    if not counts:
        raise DataMissingError(
            f"{archive} has no folder train/{VIEWS[0]}.",
            "Give an archive in GCL's layout: train/render/NAME, train/render_45/NAME, ... "
            "(docs/meshes.md).",
        )
    best = max(counts.values())
    return next(place for place, count in counts.items() if count == best)


def _preflight(
    names: Mapping[str, Collection[str]], has: Callable[[str], bool], where: Path
) -> tuple[Missing, ...]:
    """What is missing of both splits; renders of training images must not be."""
    train = missing_renders(has, "train", names["train"])
    require_renders(train, where, "Training needs every one of them: get the whole archive.")
    return (*train, *missing_renders(has, "test", names["test"]))


def _free(target: Path) -> None:
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UsageError(f"{target} exists.", "Remove it, or choose another out=.")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Give a new folder that takes the place of `target` if all goes well, and vanishes if not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(f".{target.name}.{os.getpid()}")
    folder.mkdir()
    try:
        yield folder
        if target.is_dir():
            target.rmdir()  # empty, see `_free`
        os.replace(folder, target)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
            raise GclbenchError(
                f"{target} cannot be written ({error}).", "Choose another out=."
            ) from error
        raise
