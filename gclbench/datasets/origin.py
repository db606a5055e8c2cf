"""Twins that were written out as files: a marker beside the images says that they are rendered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gclbench.errors import DataMissingError
from gclbench.user_text import read_user_text

MARKER = "made_by_gclbench.json"


def write_marker(folder: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Say beside the images what they are, so that no number of theirs is taken for a real one."""
    text = json.dumps({"name": name, **facts}, indent=2, sort_keys=True)
    (folder / MARKER).write_text(f"{text}\n", encoding="utf-8")


def made_name(folder: Path) -> str | None:
    """Return the twin's name where a dataset's folder was written by gclbench, else None."""
    try:
        content = json.loads(read_user_text(folder / MARKER))
    except (DataMissingError, ValueError, RecursionError):
        return None
    name = content.get("name") if isinstance(content, dict) else None
    return f"{name}" if name else None
