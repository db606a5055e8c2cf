"""The artifact store: what finished nodes leave on disk, whole or not at all."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from gclbench.atomic import (
    DRAFT,
    full_disk_errors,
    storage_errors,
    sync_file,
    sync_folder,
    write_atomically,
)
from gclbench.digest import file_digest
from gclbench.errors import DamagedResultError, DataMissingError, UsageError
from gclbench.plan.checkpoints import Checkpoints
from gclbench.plan.manifest import AGAIN, MANIFEST, read_manifest, write_manifest
from gclbench.plan.node import Node
from gclbench.plan.verify import bad_files, problem_of
from gclbench.schema import NodeRecord
from gclbench.schema.plausible import refuse_impossible

CHECKPOINTS = "checkpoints"
_DAMAGED = ".damaged-"


@dataclass(frozen=True)
class SetAside:
    """What was wrong with an artifact, and where it lies now."""

    problem: str
    place: Path


class ArtifactStore:
    """Artifacts under `home/artifacts/<stage>/<key>/`, each with its files and `manifest.json`."""

    def __init__(self, home: Path | str) -> None:
        self.home = Path(home)

    def path(self, node: Node) -> Path:
        """Return the folder of a node's finished artifact, whether or not it exists."""
        return self.folder(node.stage.value, node.key)

    def has(self, node: Node) -> bool:
        """Say whether the node is finished."""
        return self.there(node.stage.value, node.key)

    def there(self, stage: str, key: str) -> bool:
        """As `has`, by the name of the stage and the whole key."""
        return (self.folder(stage, key) / MANIFEST).is_file()

    def read(self, node: Node) -> NodeRecord:
        """Return the record of a finished node.

        Raises DamagedResultError when it is not finished, or its manifest is damaged, was changed
        or is another node's.
        """
        return self.record(node.stage.value, node.key)

    def record(self, stage: str, key: str) -> NodeRecord:
        """As `read`, by the name of the stage and the whole key."""
        return read_manifest(self.folder(stage, key) / MANIFEST)

    def find(self, key: str) -> NodeRecord:
        """Return the record of the one finished node whose key starts with `key` (6 or more).

        Raises DataMissingError when there is none, UsageError when there are several,
        DamagedResultError for a damaged manifest.
        """
        plain = len(key) >= 6 and key.isalnum()
        found = sorted(self.home.glob(f"artifacts/*/{key}*/{MANIFEST}")) if plain else []
        found = [path for path in found if path.parent.name.isalnum()]  # no `.partial`
        if not found:
            raise DataMissingError(
                f"no node that is finished in {self.home} has a key that starts with '{key}'."
                f"{self._kinds()}",
                "Keys are the names of folders in HOME/artifacts/STAGE; name HOME by home=DIR.",
            )
        if len(found) > 1:
            names = ", ".join(path.parent.name[:16] for path in found)
            raise UsageError(
                f"'{key}' starts the keys of {len(found)} nodes: {names}.", "Say more."
            )
        return read_manifest(found[0])

    def _kinds(self) -> str:
        """Say how many nodes of each stage are finished, with the start of one's key."""
        found: dict[str, list[str]] = {}
        for path in sorted(self.home.glob(f"artifacts/*/*/{MANIFEST}")):
            if path.parent.name.isalnum():
                found.setdefault(path.parents[1].name, []).append(path.parent.name[:12])
        kinds = [f"{len(keys)} {stage} ({keys[0]} ...)" for stage, keys in found.items()]
        return f" There are: {', '.join(kinds)}." if kinds else ""

    def folder(self, stage: str, key: str) -> Path:
        """Return the folder of a node's artifact by its stage's name and its whole key."""
        return self.home / "artifacts" / stage / key

    def adopt(self, record: NodeRecord, folder: Path) -> bool:
        """Make a folder, whole with its manifest, a node's artifact; False where one is there.

        Everything in it must be checked, fsynced and on the same disk. Unfinished work on the node
        is removed. Raises filelock's Timeout while another process works on it.
        """
        final = self.folder(record.stage, record.key)
        with storage_errors(final.parent):
            final.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(final.with_name(f"{record.key}.lock"))
        with lock.acquire(timeout=0), storage_errors(final.parent):
            if (final / MANIFEST).is_file():
                return False
            _settle(folder, final)
            shutil.rmtree(final.with_name(f"{record.key}.partial"), ignore_errors=True)
        return True

    def damaged(self, node: Node) -> list[str]:
        """Return the names of files that are missing or whose bytes are not those committed."""
        return [name for name, _ in bad_files(self.path(node), self.read(node))]

    def problem(self, node: Node, names: Collection[str] | None = None) -> str:
        """Say what is wrong with a finished artifact; '' where nothing is (see `problem_of`)."""
        return problem_of(self.path(node), names)

    def sound(self, node: Node, names: Collection[str] | None = None) -> Path:
        """Return the folder of a finished artifact after it was checked (see `problem_of`).

        Raises DamagedResultError where it is not what was committed.
        """
        problem = self.problem(node, names)
        if problem:
            folder = self.path(node)
            raise DamagedResultError(f"{node.label}: {folder} is damaged: {problem}.", AGAIN)
        return self.path(node)

    def set_aside(self, stage: str, key: str) -> SetAside | None:
        """Move an artifact that is not what was committed out of the way, to `<key>.damaged-N`.

        Nothing is deleted. None where it is sound, or gone, by the time that nobody else works on
        the node. Raises GclbenchError where the folder may not be written to.
        """
        folder = self.folder(stage, key)
        with storage_errors(folder.parent), FileLock(folder.with_name(f"{key}.lock")):
            problem = problem_of(folder) if (folder / MANIFEST).is_file() else ""
            if not problem:
                return None
            place = _free_place(folder)
            os.rename(folder, place)
            sync_folder(folder.parent)
        return SetAside(problem, place)

    def lost(self, node: Node) -> bool:
        """Whether the node's artifact was set aside as damaged and has not been made anew."""
        place = self.path(node).with_name(f"{node.key}{_DAMAGED}1")
        return not self.has(node) and place.is_dir()

    @contextmanager
    def workspace(self, node: Node) -> Iterator[Workspace]:
        """Lock the node and give the folder to work in: `<key>.partial/`, kept until committed.

        Waits while another process works on the node; check `finished` first, the other one may
        have committed it meanwhile. Work that was interrupted is found there again.
        """
        final = self.path(node)
        partial = final.with_name(f"{node.key}.partial")
        with storage_errors(final.parent):
            final.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(final.with_name(f"{node.key}.lock"))
            lock.acquire()
        try:
            if not self.has(node):
                with storage_errors(final.parent):
                    partial.mkdir(exist_ok=True)
            with full_disk_errors(final.parent):
                yield Workspace(node=node, folder=partial, final=final)
        finally:
            lock.release()


@dataclass
class Workspace:
    """The locked, unfinished artifact of one node."""

    node: Node
    folder: Path
    final: Path
    warnings: list[str] = field(default_factory=list)
    on_warning: Callable[[str], None] | None = None

    @property
    def finished(self) -> bool:
        """True when the artifact is committed, here or by whoever held the lock before."""
        return (self.final / MANIFEST).is_file()

    @property
    def checkpoints(self) -> Checkpoints:
        """The node's epoch checkpoints; they are removed by `commit`."""
        place = self.folder / CHECKPOINTS
        return Checkpoints(place, key=self.node.key, on_warning=self._warn)

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        if self.on_warning is not None:
            self.on_warning(text)

    def commit(self, record: NodeRecord) -> NodeRecord:
        """Make the artifact final and return the record with every file's SHA-256.

        Files and folders are fsynced before the one rename that makes the artifact visible.
        Checkpoints go last: a process killed here still finds them. Raises ImpossibleResultError,
        with nothing committed, for metrics that cannot be.
        """
        refuse_impossible(record.metrics)
        with storage_errors(self.final.parent):
            whole = record.model_copy(update={"files": self._settle_files()})
            write_atomically(self.folder / MANIFEST, write_manifest(whole))
            _settle(self.folder, self.final)
            shutil.rmtree(self.final / CHECKPOINTS, ignore_errors=True)
        return whole

    def _settle_files(self) -> dict[str, str]:
        """Remove what torn writes left, fsync the rest, and return its digests by name."""
        files: dict[str, str] = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            if path.is_dir() or name.parts[0] in (CHECKPOINTS, MANIFEST):
                continue
            if path.suffix == DRAFT:
                path.unlink()
                continue
            sync_file(path)
            files[name.as_posix()] = file_digest(path)
        return files


def _settle(folder: Path, final: Path) -> None:
    """Make an artifact visible by one rename."""
    for inner in sorted(p for p in folder.rglob("*") if p.is_dir()):
        sync_folder(inner)
    # Only what somebody damaged by hand can be here: a folder without a manifest, a file, a link.
    if final.is_dir() and not final.is_symlink():
        shutil.rmtree(final)
    elif os.path.lexists(final):
        final.unlink()
    os.rename(folder, final)
    sync_folder(final.parent)


def _free_place(folder: Path) -> Path:
    numbers = itertools.count(1)
    places = (folder.with_name(f"{folder.name}{_DAMAGED}{number}") for number in numbers)
    return next(place for place in places if not os.path.lexists(place))
