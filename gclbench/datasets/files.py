"""Identity of a folder of real images: names, sizes and bytes, hashed once and remembered."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gclbench.atomic import write_atomically
from gclbench.datasets.reader import disk_told
from gclbench.digest import digest, file_digest
from gclbench.errors import DataMissingError, GclbenchError
from gclbench.pictures import REVISION, SUFFIXES, reading


def folder_fingerprint(root: Path, members: Sequence[str], cache_dir: Path | None = None) -> str:
    """Return a digest over the name, size and bytes of `members`, files relative to `root`.

    Pictures that were once read otherwise carry the rule that they are read by (see
    `pictures.reading`); all others have the digests they always had. With `cache_dir` the digests
    of files are kept there by (size, modification time), so that only new or changed files are
    read again. Raises DataMissingError for a member that is no file, or may not be read.
    """
    known_file = None
    known: dict[str, list[Any]] = {}
    if cache_dir is not None:
        known_file = Path(cache_dir) / "fingerprints" / f"{digest(str(root.resolve()))[:16]}.json"
        known = _remembered(known_file)
    with disk_told():
        now = {name: _looked_at(root / name, known.get(name)) for name in members}
    if known_file is not None and now != known:
        with suppress(GclbenchError):  # a folder that may not be written costs time alone
            write_atomically(known_file, json.dumps(now).encode(), durable=False)
    return digest(
        {
            _text(name): [size, sha, *([rule] if rule else [])]
            for name, (size, _, sha, rule, _) in now.items()
        }
    )


def _looked_at(path: Path, known: list[Any] | None) -> list[Any]:
    """[size, time of writing, digest of the bytes, rule of reading, its revision] of a file."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DataMissingError(
            f"{path} has the name of a file of the dataset and is none.",
            "Put the file there, or remove what is there.",
        )
    now = [status.st_size, status.st_mtime_ns]
    if known is None or known[:2] != now:
        return [*now, file_digest(path), _rule(path), REVISION]
    # Earlier releases did not remember the rule.
    return known if known[4:] == [REVISION] else [*now, known[2], _rule(path), REVISION]


def _rule(path: Path) -> str:
    return reading(path) if path.suffix.lower() in SUFFIXES else ""


def _text(name: str) -> str:
    """A file name as text; it may be bytes that are no UTF-8, which Python keeps as surrogates."""
    return name.encode("utf-8", "backslashreplace").decode()


def _remembered(file: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        name: line
        for name, line in content.items()
        if isinstance(line, list)
        and len(line) in (3, 5)
        and all(isinstance(each, str) for each in line[2:4])
    }
