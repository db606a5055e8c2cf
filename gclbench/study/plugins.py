"""Components of users' packages, which name their modules under the entry point group below.

What they registered is remembered in the user's cache folder until a Python file of theirs
changes, so that listing names imports none of them.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from gclbench.atomic import write_atomically
from gclbench.cache_folder import cache_folder
from gclbench.digest import digest
from gclbench.errors import GclbenchError
from gclbench.registry import Entry, Facts, Registry

ENTRY_POINTS = "gclbench.components"
# Rises when what is remembered has another form.
_FORM = 1


def import_plugins() -> bool:
    """Import all of them; returns whether none had to be left out.

    One that cannot be imported is reported as a warning, so that the rest still works.
    """
    whole = True
    for point in _points():
        try:
            point.load()
        except Exception as error:  # a broken plug-in must not take the bench down
            whole = False
            warnings.warn(f"component plug-in '{point.name}' is left out: {error}", stacklevel=2)
    return whole


def announce_plugins(registry: Registry) -> None:
    """Make their components known, by what is remembered of them or else by importing them."""
    points = _points()
    if not points:
        return
    key = _state(points)
    found = _recall(key)
    if found is None:
        before = set(_registered(registry))
        if import_plugins():
            theirs = _theirs(registry, points, before)
            _remember(key, [_facts(entry) for entry in theirs])
        return
    for facts in found:
        registry.announce(facts, import_plugins)


def _points() -> list[EntryPoint]:
    return sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)


def _registered(registry: Registry) -> Iterator[Entry]:
    for kind in registry.kinds():
        yield from (entry for entry in registry.entries(kind) if entry.imported)


def _theirs(registry: Registry, points: Sequence[EntryPoint], before: set[Entry]) -> list[Entry]:
    """What came in just now, or stands in a package that they name, if that was there already."""
    packages = _packages(points)
    return [
        entry
        for entry in _registered(registry)
        if not entry.module.startswith("gclbench.")
        and (entry not in before or entry.module.partition(".")[0] in packages)
    ]


def _facts(entry: Entry) -> Facts:
    return Facts(
        entry.kind,
        entry.name,
        entry.revision,
        entry.module,
        entry.docstring,
        parameters_from=("", "") if entry.takes_parameters else None,
        settings=dict(entry.settings),
        reads=entry.reads,
    )


def _packages(points: Iterable[EntryPoint]) -> list[str]:
    return sorted({point.value.partition(":")[0].partition(".")[0] for point in points})


def _state(points: Sequence[EntryPoint]) -> str:
    """A digest of the entry points and of their packages' Python files; "" if those hide."""
    files: list[list[Any]] = []
    for package in _packages(points):
        places = _places(package)
        if not places:
            return ""
        for path in sorted(path for place in places for path in _sources(place)):
            status = path.stat()
            files.append([str(path), status.st_size, status.st_mtime_ns])
    return digest([_FORM, sys.version, [[p.name, p.value] for p in points], files])


def _places(package: str) -> list[Path]:
    """The folders of a package, or the file of a module; nothing is imported to know them."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    inside = spec.submodule_search_locations
    return [Path(place) for place in (inside or [spec.origin or ""]) if place]


def _sources(place: Path) -> Iterator[Path]:
    return place.rglob("*.py") if place.is_dir() else iter([place])


def _file() -> Path:
    """One for each environment, so that two do not take turns in overwriting it."""
    return cache_folder() / "components" / f"{digest(sys.prefix)[:16]}.json"


def _recall(state: str) -> list[Facts] | None:
    """What was remembered for this state of the packages; None for nothing, or nothing of use."""
    try:
        content = json.loads(_file().read_text(encoding="utf-8"))
        if not state or content["state"] != state:
            return None
        return [_read(each) for each in content["components"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _read(plain: dict[str, Any]) -> Facts:
    given, reads = plain["parameters_from"], tuple(plain["reads"])
    parameters = None if given is None else (str(given[0]), str(given[1]))
    return Facts(**{**plain, "parameters_from": parameters, "reads": reads})


def _remember(state: str, facts: Sequence[Facts]) -> None:
    """Beside, then renamed; a folder that cannot be written costs time alone."""
    file, text = _file(), json.dumps({"state": state, "components": [asdict(f) for f in facts]})
    with suppress(GclbenchError, OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(file, text.encode(), durable=False)
