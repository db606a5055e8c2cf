"""Unpack archives from strangers: all of it is checked before anything is written.

Refused are absolute paths, `..` and drive letters, links, devices and pipes, names that occur
twice, encrypted or sparse members, and archives that grow beyond all measure. Backslashes part the
folders of a zip that has no other: old programs of Windows write them.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from gclbench.errors import DataMissingError, GclbenchError
from gclbench.file_errors import reading
from gclbench.meshes.archive_kinds import BZIP2, FOLDER, GZIP, LZMA, XZ, ZIP, require_archive

Progress = Callable[[str, int, int], None]
_CHUNK = 1 << 20
# What a tar archive may ask to hold in memory at once; long names are the only things it should.
_HEADER_BYTES = 1 << 20
_DAMAGED = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    ValueError,
    OverflowError,
    IndexError,
    NotImplementedError,
)


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold. Real ones: some 10 KB a render, 8 renders an image.

    `ratio` is unpacked bytes for each packed one, of the whole; up to `free_bytes` any ratio
    passes, because so little does no harm.
    """

    members: int = 20_000_000
    file_bytes: int = 32 << 20
    total_bytes: int = 512 << 30
    ratio: int = 100
    free_bytes: int = 16 << 20


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    folder: bool
    key: Any


@contextmanager
def _damage(file: Path) -> Iterator[None]:
    """Say of what a damaged archive raises that it is damaged; a failing disk stays what it is."""
    try:
        yield
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise GclbenchError(
            f"the archive {file} is damaged ({error}).", "Download it again."
        ) from error


_BY_HAND = f"Unpack it by another program (7z x FILE) {FOLDER}"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class Archive(ABC):
    """A checked archive: `sizes` maps the names of its files (with /) to bytes."""

    def __init__(self, file: Path, limits: Limits) -> None:
        self.file, self.limits = file, limits
        self.sizes: dict[str, int] = {}
        self._keys: dict[str, Any] = {}

    def check(self) -> None:
        """Read the table of contents. Raises GclbenchError for what must not be unpacked."""
        folders: set[str] = set()
        total = 0
        for count, member in enumerate(self._members(), 1):
            name = self._safe(member.name)
            total += member.size
            if count > self.limits.members:
                raise self.refused(f"it has more than {self.limits.members} members")
            if not 0 <= member.size <= self.limits.file_bytes:
                raise self.refused(f"'{name}' says that it holds {member.size} bytes")
            self._bounded(total)
            if member.folder:
                folders.add(name)
                continue
            if name in self.sizes:
                raise self.refused(f"'{name}' occurs twice")
            self.sizes[name], self._keys[name] = member.size, member.key
        folders.update(
            str(parent) for name in self.sizes for parent in Path(name).parents if parent.name
        )
        clash = folders.intersection(self.sizes)
        if clash:
            raise self.refused(f"'{min(clash)}' is a file and a folder")

    def unpack(
        self, wanted: Mapping[str, str], folder: Path, progress: Progress | None = None
    ) -> None:
        """Write files of the archive below `folder`: `wanted` maps their names to paths there.

        Raises GclbenchError where the archive is damaged.
        """
        # In the order of the archive: a compressed tar can be read forwards only.
        names = [name for name in self.sizes if name in wanted]
        for index, name in enumerate(names):
            target = folder / wanted[name]
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                for data in self._read(name):
                    out.write(data)
            if progress is not None:
                progress("unpacking", index + 1, len(names))

    def _read(self, name: str) -> Iterator[bytes]:
        with _damage(self.file), self._open(self._keys[name]) as stream:
            while data := stream.read(_CHUNK):
                yield data

    @abstractmethod
    def _members(self) -> Iterator[_Member]:
        """Yield the table of contents; raises GclbenchError for members of forbidden kinds."""

    @abstractmethod
    def _open(self, key: Any) -> IO[bytes]:
        """Open a member for reading."""

    def _bounded(self, total: int) -> None:
        """Raise if so many unpacked bytes are too many."""
        packed = self.file.stat().st_size
        if total > self.limits.total_bytes:
            raise self.refused(f"it would take more than {self.limits.total_bytes} bytes")
        if total > max(self.limits.free_bytes, self.limits.ratio * packed):
            raise self.refused(
                f"its {packed} bytes would grow more than {self.limits.ratio} times"
            )

    def _safe(self, name: str) -> str:
        """The name without `.` parts; raises GclbenchError for one that leads elsewhere."""
        if name.startswith("/") or "\\" in name or re.match(r"[A-Za-z]:", name):
            raise self.refused(f"'{name}' is not a path inside it")
        if any(ord(letter) < 32 for letter in name):
            raise self.refused(f"{name!r} has control characters")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise self.refused(f"'{name}' leads out of it")
        return "/".join(parts)

    def refused(
        self, why: str, remedy: str = "Get the archive from its authors."
    ) -> GclbenchError:
        return GclbenchError(
            f"the archive {self.file} is refused: {why}.", f"Nothing was unpacked. {remedy}"
        )


class _Zip(Archive):
    def __init__(self, file: Path, limits: Limits, opened: zipfile.ZipFile) -> None:
        super().__init__(file, limits)
        self.zip = opened

    def _members(self) -> Iterator[_Member]:
        members = self.zip.infolist()
        windows = not any("/" in info.orig_filename for info in members)
        for info in members:
            name = info.orig_filename.replace("\\", "/") if windows else info.orig_filename
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise self.refused(f"'{name}' is {_KINDS.get(kind, 'no ordinary file')}")
            if info.flag_bits & 1:
                raise self.refused(f"'{name}' is encrypted", _BY_HAND)
            if info.compress_type not in _METHODS:
                raise self.refused(f"'{name}' is packed in a way of its own", _BY_HAND)
            yield _Member(name, info.file_size, name.endswith("/"), info)

    def _open(self, key: Any) -> IO[bytes]:
        return self.zip.open(key)


class _Tar(Archive):
    def __init__(self, file: Path, limits: Limits, stream: IO[bytes]) -> None:
        super().__init__(file, limits)
        self.stream = cast("IO[bytes]", _Metered(stream, self))

    def _members(self) -> Iterator[_Member]:
        with tarfile.open(fileobj=self.stream, mode="r:") as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # it keeps every header
                if not (info.isdir() or info.type in (tarfile.REGTYPE, tarfile.AREGTYPE)):
                    raise self.refused(f"'{info.name}' is {_tar_kind(info)}")
                if info.issparse():
                    raise self.refused(f"'{info.name}' is sparse")
                yield _Member(info.name, info.size, info.isdir(), (info.offset_data, info.size))

    def _open(self, key: Any) -> IO[bytes]:
        first, size = key
        self.stream.seek(first)
        return cast("IO[bytes]", _Window(self.stream, size))


class _Window:
    """`left` bytes of a stream from where it stands."""

    def __init__(self, stream: IO[bytes], left: int) -> None:
        self.stream, self.left = stream, left

    def read(self, count: int) -> bytes:
        data = self.stream.read(min(count, self.left))
        if self.left and not data:
            raise EOFError("it ends in the middle of a file")
        self.left -= len(data)
        return data

    def __enter__(self) -> _Window:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _Metered:
    """A stream for `tarfile` that refuses to be read further than the archive's limits allow.

    Decompression happens as one reads, so a bomb goes off no further than that.
    """

    def __init__(self, stream: IO[bytes], archive: Archive) -> None:
        self.stream, self.archive = stream, archive

    def read(self, count: int) -> bytes:
        if not 0 <= count <= _HEADER_BYTES:
            raise self.archive.refused(f"one of its headers would take {count} bytes")
        self.archive._bounded(self.stream.tell() + count)
        return self.stream.read(count)

    def seek(self, place: int) -> int:
        self.archive._bounded(place)
        return self.stream.seek(place)

    def tell(self) -> int:
        return self.stream.tell()


_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.issym():
        return "a symbolic link"
    if info.islnk():
        return "a hard link"
    if info.isfifo():
        return "a pipe"
    return "a device" if info.isdev() else "no ordinary file"


@contextmanager
def open_archive(file: Path, limits: Limits | None = None) -> Iterator[Archive]:
    """Open a zip or tar (plain, gzip, bzip2, xz) and check it, whatever its name ends in.

    Raises DataMissingError without the file, or for one of another kind (RAR, 7z, ...), naming
    what it is; GclbenchError for one that is damaged or must not be unpacked.
    """
    with reading("the archive", file, "Check archive=."):
        there = file.is_file()
    if not there:
        raise DataMissingError(f"there is no archive {file}.", "Check archive=.")
    with reading("the archive", file, "Give yourself the right to read it."):
        handle = file.open("rb")
    with handle:
        with _damage(file):
            archive = _archive(file, handle, limits or Limits())
            archive.check()
        yield archive


def _archive(file: Path, handle: IO[bytes], limits: Limits) -> Archive:
    start = require_archive(file, handle)
    if start.startswith(ZIP):
        return _Zip(file, limits, zipfile.ZipFile(handle))
    return _Tar(file, limits, _plain(start, handle))


def _plain(start: bytes, handle: IO[bytes]) -> IO[bytes]:
    """The tar itself, decompressed as one reads; its first bytes tell by which program."""
    if start.startswith(GZIP):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=handle))
    if start.startswith(BZIP2):
        return bz2.BZ2File(handle)
    if start.startswith((XZ, LZMA)):
        return lzma.LZMAFile(handle)
    return handle
