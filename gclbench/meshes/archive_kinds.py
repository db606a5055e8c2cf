"""What a file that should be an archive is, when it is no zip or tar, and how to unpack it."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from gclbench.errors import DataMissingError

ZIP, GZIP, BZIP2, XZ = b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
LZMA = b"\x5d\x00\x00"
ENDS = (".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip", ".zst")
FOLDER = "and give the folder: archive=FOLDER."
# First bytes -> what it is, and the command that unpacks it.
_OTHERS = (
    (b"Rar!\x1a\x07", "a RAR archive", "unrar x {file}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x {file}"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "tar --zstd -xf {file}"),
    (b"\x04\x22\x4d\x18", "packed by lz4", "lz4 -dc {file} | tar -x"),
    (b"\x1f\x9d", "packed by compress", "uncompress -c {file} | tar -x"),
    (b"LZIP", "packed by lzip", "lzip -dc {file} | tar -x"),
    (b"MSCF", "a Windows cabinet", "7z x {file}"),
    (b"xar!", "a xar archive", "7z x {file}"),
    (b"!<arch>", "an ar archive", "ar x {file}"),
    (b"MZ", "a Windows program (an archive that unpacks itself?)", "7z x {file}"),
    (b"070707", "a cpio archive", "cpio -id < {file}"),
    (b"070701", "a cpio archive", "cpio -id < {file}"),
)
_NO_ARCHIVES = (
    (b"<!doctype", "a web page, not the archive"),
    (b"<html", "a web page, not the archive"),
    (b"version https://git-lfs", "a pointer of git-lfs, not the archive itself"),
    (b"%pdf", "a PDF"),
    (b"\x93numpy", "a NumPy array"),
    (b"\x89png", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)


def require_archive(file: Path, handle: IO[bytes]) -> bytes:
    """Return a file's first bytes. Raises DataMissingError for what is known not to be read."""
    start = handle.read(512)
    handle.seek(0)
    for mark, what, command in _OTHERS:
        if start.startswith(mark):
            raise DataMissingError(
                f"the archive {file} is {what}, and zip and tar are read.",
                f"Unpack it ({command.format(file=file)}) {FOLDER}",
            )
    for mark, what in _NO_ARCHIVES:
        if start.lower().startswith(mark):
            raise DataMissingError(f"the archive {file} is {what}.", "Download it again.")
    if not start.strip(b"\0"):
        raise DataMissingError(f"the archive {file} is empty.", "Download it again.")
    if not start.startswith((ZIP, GZIP, BZIP2, XZ, LZMA)) and not _tar(start):
        raise DataMissingError(
            f"the archive {file} is damaged, or neither zip nor tar.",
            f"Download it again, or unpack it {FOLDER}",
        )
    return start


def _tar(start: bytes) -> bool:
    """Whether a block is the head of a member: its sum of bytes stands in it."""
    try:
        said = int(start[148:156].strip(b" \0") or b"0", 8)
    except ValueError:
        return False
    return len(start) == 512 and said == sum(start[:148]) + 8 * 32 + sum(start[156:])
