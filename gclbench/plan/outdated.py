"""Artifacts from before the compiled kernels were mended: never reused, but counted.

One compiled kernel could run in another one's place (docs/kernels.md). The stages whose numbers
rest on such kernels have a higher revision since, so no plan asks for the keys of their old
artifacts any more: they only take up room.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

# The one place that says which artifacts are meant: each stage's last revision before the fix.
# Where a stage's revision rises for the same reason, its entry joins here.
LAST_BEFORE_FIX: Mapping[str, int] = MappingProxyType(
    {
        "stages/pretrain": 1,
        "stages/source": 1,
        "stages/warmup": 1,
        "stages/gan": 2,
        "stages/joint": 3,
        "stages/evaluate": 3,
    }
)


def made_before_fix(home: Path, last: Mapping[str, int] = LAST_BEFORE_FIX) -> list[str]:
    """Return the folders, relative to `home`, of finished artifacts from before the fix, sorted.

    `last` maps "stages/NAME" to a revision. A manifest that names no revision of its stage is
    older than all that do; one that cannot be read is not counted.
    """
    found = []
    for name, revision in last.items():
        stage = name.removeprefix("stages/")
        for path in (home / "artifacts" / stage).glob("*/manifest.json"):
            known = _revision(path, name) if path.parent.name.isalnum() else None
            if known is not None and known <= revision:
                found.append(path.parent.relative_to(home).as_posix())
    return sorted(found)


def _revision(path: Path, name: str) -> int | None:
    """The revision of a component in a manifest, 0 where it has none; None for a damaged one."""
    try:
        components: Any = json.loads(path.read_bytes()).get("components", {})
        return int(components.get(name, 0))
    except (ArithmeticError, AttributeError, OSError, TypeError, ValueError):
        return None
