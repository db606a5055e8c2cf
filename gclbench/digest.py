"""Canonical bytes and their SHA-256: equal meaning gives equal keys, on every machine."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

# Some file systems keep times in steps of two seconds.
_FRESH_NS = 3_000_000_000


def canonical_json(value: Any) -> bytes:
    """Encode nested dicts, lists, strings, numbers, booleans and None with sorted keys.

    Raises TypeError for anything else (paths, sets, tensors) and ValueError for NaN or infinity:
    an identity must not depend on how an object happens to print.
    """
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of `canonical_json(value)` as 64 hexadecimal characters."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal characters."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def unchanged_digest(path: Path) -> str:
    """As `file_digest`, but a file that did not change since is read once in a process.

    What tells a change: inode, size, and the times of its bytes and of its entry. A file that was
    written just now is read each time: times are too coarse to tell two changes apart.
    """
    status = path.stat()
    times = (status.st_mtime_ns, status.st_ctime_ns)
    if time.time_ns() - max(times) < _FRESH_NS:
        return file_digest(path)
    return _remembered(str(path.absolute()), status.st_ino, status.st_size, times)


@lru_cache(maxsize=65536)
def _remembered(path: str, inode: int, size: int, times: tuple[int, int]) -> str:
    return file_digest(Path(path))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        # 1.0 and 1 mean the same setting, so they must give the same key.
        return int(value) if math.isfinite(value) and value == int(value) else value
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("only text keys have a canonical form")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise TypeError(f"no canonical form for {type(value).__name__}")
