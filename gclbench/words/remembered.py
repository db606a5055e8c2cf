"""Answers that are slow to find, kept in a file until what they were found in changes.

Completion has 0.3 s: it cannot import the schema each time that a key is pressed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gclbench.cache_folder import cache_folder


def remembered(name: str, sources: list[Path], find: Callable[[], Any]) -> Any:
    """Return what `find` gives (as JSON holds it), from a file where no source has changed.

    Nothing is kept where the cache folder cannot be written.
    """
    stamp = [[str(path), *_state(path)] for path in sources]
    path = cache_folder() / "completion" / f"{name}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["stamp"] == stamp:
            return kept["answer"]
    answer = find()
    with suppress(OSError):
        _keep(path, {"stamp": stamp, "answer": answer})
    return answer


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _keep(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(content), encoding="utf-8")
    beside.replace(path)
