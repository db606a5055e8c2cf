"""Answers that are slow to find, kept in a file until what they were found in changes.

Completion has 0.3 s: it cannot import the schema each time that a key is pressed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gclbench.atomic import write_atomically
from gclbench.cache_folder import cache_folder
from gclbench.errors import GclbenchError


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
    kept = json.dumps({"stamp": stamp, "answer": answer}).encode()
    with suppress(GclbenchError):
        write_atomically(path, kept, durable=False)
    return answer


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
