"""From a parcel to artifacts: everything is checked before anything can be seen.

A parcel may come from anybody. Members are written beside the artifacts under names that were
checked, and only after every hash, every manifest and every key is right do artifacts appear, each
by one rename.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from filelock import BaseFileLock, FileLock, Timeout
from pydantic import ValidationError

from gclbench.atomic import storage_errors, sync_file
from gclbench.errors import (
    DamagedResultError,
    DataMissingError,
    GclbenchError,
    StorageFullError,
)
from gclbench.plan.manifest import MANIFEST, makes_its_key, read_manifest
from gclbench.plan.parcel import FORMAT, LIST, RECORDS, Contents, Member, parse_name
from gclbench.plan.store import ArtifactStore
from gclbench.schema import NodeRecord, Stage

_CHUNK = 1 << 20
_MOST_LIST_BYTES = 256 << 20
_ZSTD = b"\x28\xb5\x2f\xfd"


class Arrival(StrEnum):
    """What became of an artifact of a parcel."""

    ADDED = "added"
    REPLACED = "takes the place of a damaged one, which is set aside"
    THERE = "already there"
    DIFFERS = "differs from the one that is here"
    BUSY = "is being made here by another process"


@dataclass(frozen=True)
class Unpacked:
    """A parcel that was checked whole: artifacts wait in folders of their own."""

    records: bytes
    artifacts: tuple[tuple[NodeRecord, Path], ...]

    def settle(self, store: ArtifactStore) -> list[tuple[NodeRecord, Arrival]]:
        """Make the artifacts visible, first stages first; what is there stays as it is."""
        return [(record, _arrive(store, record, folder)) for record, folder in self.artifacts]


@contextmanager
def unpacked(path: Path, store: ArtifactStore) -> Iterator[Unpacked]:
    """Unpack and check a parcel; what is not settled inside the block is removed.

    Raises DataMissingError for a file that is not there, damaged, not whole or no parcel,
    GclbenchError while another import into the same home goes on.
    """
    if not path.is_file():
        raise DataMissingError(f"there is no file {path}.", "Name a file that gclbench exported.")
    with _staging(store.home) as folder:
        with _reading(path) as tar:
            contents = _contents(path, tar, folder)
            _extract(path, tar, contents, folder)
        artifacts = _artifacts(path, contents, folder)
        yield Unpacked((folder / RECORDS).read_bytes(), artifacts)


def _arrive(store: ArtifactStore, record: NodeRecord, folder: Path) -> Arrival:
    try:
        if store.adopt(record, folder):
            return Arrival.ADDED
        if store.set_aside(record.stage, record.key) and store.adopt(record, folder):
            return Arrival.REPLACED
    except Timeout:
        return Arrival.BUSY
    there = read_manifest(store.folder(record.stage, record.key) / MANIFEST)
    same = (there.files, there.metrics) == (record.files, record.metrics)
    return Arrival.THERE if same else Arrival.DIFFERS


@contextmanager
def _staging(home: Path) -> Iterator[Path]:
    """A folder on the artifacts' disk; what an import that was killed left there is removed."""
    place, lock = home / "artifacts", FileLock(home / ".import.lock")
    folder = place / ".import"
    with storage_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        _only_one(lock, home)
    try:
        shutil.rmtree(folder, ignore_errors=True)
        with storage_errors(place):
            folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _only_one(lock: BaseFileLock, home: Path) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout as error:  # an OSError too, but not one of the disk
        raise GclbenchError(
            f"another import into {home} is going on.", "Try again when it has ended."
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a parcel; whatever reading it raises is one error that names it."""
    try:
        with path.open("rb") as raw:
            if raw.peek(4)[:4] == _ZSTD and "zst" not in tarfile.TarFile.OPEN_METH:
                raise DataMissingError(
                    f"{path} is packed by zstd, which this Python cannot read.",
                    "Use Python 3.14, or export it again as .tar.gz.",
                )
            with tarfile.open(fileobj=raw, mode="r:*") as tar:
                yield tar
    except (tarfile.TarError, EOFError, zlib.error, ValueError, OSError) as error:
        why = str(error).split("\n")[0].rstrip(":") or type(error).__name__
        raise _refused(path, f"it cannot be read ({why})") from error


def _refused(path: Path, why: str) -> DataMissingError:
    return DataMissingError(
        f"{path}: {why}; nothing was imported.", "Copy the file again, or export it again."
    )


def _contents(path: Path, tar: tarfile.TarFile, folder: Path) -> Contents:
    """Read the list at the head, and refuse names that lead elsewhere and a disk that is small."""
    head = tar.next()
    content = tar.extractfile(head) if head is not None and head.isreg() else None
    if head is None or content is None or head.name != LIST or head.size > _MOST_LIST_BYTES:
        raise _refused(path, f"it is no parcel of gclbench (it does not begin with {LIST})")
    try:
        contents = Contents.model_validate_json(content.read())
    except ValidationError as error:
        raise _refused(path, f"its {LIST} is not what gclbench writes") from error
    if contents.format != FORMAT:
        raise DataMissingError(
            f"{path} has format {contents.format}, and this gclbench reads format {FORMAT}.",
            f"Use gclbench {contents.gclbench[:20]!r}, which wrote it.",
        )
    bad = [name for name in contents.members if name != RECORDS and not _belongs(name)]
    if bad or RECORDS not in contents.members:
        raise _refused(path, f"a member leads elsewhere ({(bad or ['no records'])[0][:80]!r})")
    _refuse_small_disk(path, contents, folder)
    return contents


def _belongs(name: str) -> bool:
    place = parse_name(name)
    return place is not None and place.stage in {stage.value for stage in Stage}


def _refuse_small_disk(path: Path, contents: Contents, folder: Path) -> None:
    needed = sum(member.size for member in contents.members.values())
    if needed > shutil.disk_usage(folder).free:
        raise StorageFullError(
            f"{path} needs {needed / 1e9:.1f} GB, and there is less for {folder.parent}.",
            "Free some space, or set home=DIR to another disk.",
        )


def _extract(path: Path, tar: tarfile.TarFile, contents: Contents, folder: Path) -> None:
    waiting = dict(contents.members)
    for info in tar:
        if info.name == LIST and info.offset == 0:
            continue
        member = waiting.pop(info.name, None)
        source = tar.extractfile(info) if info.isreg() else None
        if member is None or source is None or info.size != member.size:
            raise _refused(path, f"its list does not speak of {info.name[:80]!r}")
        if _write(source, folder / info.name) != member.sha256:
            raise _refused(path, f"{info.name!r} has other bytes than when it was packed")
    if waiting:
        raise _refused(path, f"it is not whole ({len(waiting)} files are missing)")


def _write(source: IO[bytes], target: Path) -> str:
    """Copy a member to the disk and return the SHA-256 of what was written."""
    found = hashlib.sha256()
    with storage_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = target.open("xb")
    with handle:
        while chunk := source.read(_CHUNK):
            found.update(chunk)
            with storage_errors(target.parent):
                handle.write(chunk)
    with storage_errors(target.parent):
        sync_file(target)
    return found.hexdigest()


def _artifacts(
    path: Path, contents: Contents, folder: Path
) -> tuple[tuple[NodeRecord, Path], ...]:
    files: dict[tuple[str, str], dict[str, Member]] = {}
    for name, member in contents.members.items():
        place = parse_name(name)
        if place is not None:
            files.setdefault((place.stage, place.key), {})[place.file] = member
    order = [stage.value for stage in Stage]
    found = []
    for stage, key in sorted(files, key=lambda node: (order.index(node[0]), node[1])):
        here = folder / "artifacts" / stage / key
        found.append((_record(path, here, stage, key, files[stage, key]), here))
    return tuple(found)


def _record(
    path: Path, folder: Path, stage: str, key: str, files: dict[str, Member]
) -> NodeRecord:
    """Read a manifest that must speak of these files, and whose settings must make this key."""
    try:
        record = read_manifest(folder / MANIFEST)
    except DamagedResultError as error:
        why = error.message.removeprefix(f"{folder / MANIFEST} ").rstrip(".")
        raise _refused(path, f"the manifest of {stage} {key[:12]} {why}") from error
    hashes = {name: member.sha256 for name, member in files.items() if name != MANIFEST}
    if record.files != hashes:
        raise _refused(path, f"the manifest of {stage} {key[:12]} names other files")
    if not makes_its_key(record):
        raise _refused(path, f"{stage} {key[:12]} is not what its key says")
    return record
