"""Identity of a folder of real images: names, sizes and bytes, hashed once and remembered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gclbench.atomic import write_atomically
from gclbench.digest import digest, file_digest
from gclbench.errors import GclbenchError


def folder_fingerprint(root: Path, members: Sequence[str], cache_dir: Path | None = None) -> str:
    """Return a digest over the name, size and bytes of `members`, files relative to `root`.

    With `cache_dir` the digests of files are kept there by (size, modification time), so that
    only new or changed files are read again.
    """
    known_file = None
    known: dict[str, list[object]] = {}
    if cache_dir is not None:
        known_file = Path(cache_dir) / "fingerprints" / f"{digest(str(root.resolve()))[:16]}.json"
        known = _remembered(known_file)
    now: dict[str, list[object]] = {}
    for name in members:
        path = root / name
        status = path.stat()
        old = known.get(name)
        if old is not None and old[:2] == [status.st_size, status.st_mtime_ns]:
            now[name] = old
        else:
            now[name] = [status.st_size, status.st_mtime_ns, file_digest(path)]
    if known_file is not None and now != known:
        with suppress(GclbenchError):  # a folder that may not be written costs time alone
            write_atomically(known_file, json.dumps(now).encode(), durable=False)
    return digest({_text(name): [size, sha] for name, (size, _, sha) in now.items()})


def _text(name: str) -> str:
    """A file name as text; it may be bytes that are no UTF-8, which Python keeps as surrogates."""
    return name.encode("utf-8", "backslashreplace").decode()


def _remembered(file: Path) -> dict[str, list[object]]:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
