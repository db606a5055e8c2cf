"""The floor plan: a room imports only the rooms its row names, and light rooms stay light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "gclbench"
FLOOR_0 = {
    "atomic", "cache_folder", "content_folders", "digest", "errors", "file_errors", "plain_text",
    "plain_yaml", "redaction", "registry", "scratch", "screen", "seeding", "shown_text",
    "clutter", "pictures", "user_paths", "user_text",
}  # fmt: skip
COMPONENTS = {
    "augmentations", "losses", "networks", "memory", "pseudolabels", "samplers", "meshes",
    "datasets",
}  # fmt: skip

# Room -> rooms it may import, beside itself and floor 0. CONTRIBUTING.md points here.
ALLOWED: dict[str, set[str]] = {
    "schema": set(),
    "kernels": set(),
    "stats": set(),
    "content": {"schema"},
    "words": {"schema", "content", "devices"},
    "tracking": {"schema"},
    "claims": {"schema", "stats"},
    "augmentations": {"kernels", "schema"},
    "losses": {"kernels", "schema"},
    "networks": {"kernels", "schema", "weight_files"},
    "memory": {"kernels"},
    "pseudolabels": {"kernels", "schema"},
    "samplers": {"schema"},
    "meshes": {"kernels", "schema", "weight_files"},
    "datasets": {"kernels", "meshes", "schema"},
    "plan": {"schema"},
    "reporting": {"schema", "stats", "claims"},
    "evaluation": {"kernels", "pseudolabels", "datasets", "schema"},
    "devices": set(),
    "weight_files": set(),
    "executors": {"schema", "plan"},
    "stages": {"kernels", "evaluation", "schema", "weight_files", *COMPONENTS},
    "study": {
        "schema", "content", "words", "plan", "tracking", "reporting", "networks", "meshes",
        "stages", "datasets", "devices",
    },
    "running": {
        "schema", "kernels", "plan", "executors", "tracking", "reporting", "stages", "datasets",
        "devices", "study", "words",
    },
    "results": {"schema", "plan", "reporting", "claims", "study"},
    "runtime": {
        "schema", "kernels", "content", "plan", "tracking", "stages", "evaluation", "reporting",
        "stats", "devices", "weight_files", "study", "running", "results", *COMPONENTS,
    },
    "search": {
        "schema", "plan", "executors", "tracking", "reporting", "study", "running", "results",
    },
    "testing": {
        "schema", "kernels", "plan", "executors", "augmentations", "pseudolabels", "samplers",
        "datasets", "stages", "study", "runtime",
    },
    "api": {
        "schema", "kernels", "content", "plan", "executors", "tracking", "reporting", "datasets",
        "devices", "study", "running", "results", "runtime", "words",
    },
    "cli": {
        "schema", "kernels", "content", "stats", "claims", "tracking", "plan", "reporting",
        "executors", "devices", "study", "running", "results", "runtime", "search", "words", "api",
    },
}  # fmt: skip

HEAVY = {"numba", "optuna", "pandas", "pyrender", "sacred", "seaborn", "smplx", "torch"}
LIGHT = (
    *sorted(FLOOR_0), "schema", "stats", "claims", "content", "plan", "reporting", "words.verbs",
    "devices", "study.needs", "study.cost", "cli.app", "cli.start", "cli.complete.answer",
)  # fmt: skip


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "_content" not in path.parts)


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[tuple[int, str]]:
    """(line, room) of every import of gclbench, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            deep = node.module != "gclbench"
            names = [node.module] if deep else [f"gclbench.{a.name}" for a in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "gclbench" and len(parts) > 1:
                yield node.lineno, parts[1]


def imported_modules(path: Path) -> set[str]:
    """The modules of gclbench that a file imports, wherever in it that stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"):
        path for path in modules()
    }  # fmt: skip
    del known["gclbench"]  # the face: it imports nothing before it is asked
    left = {name: (imported_modules(path) & known.keys()) - {name} for name, path in known.items()}
    while left:
        free = [name for name, needs in left.items() if not needs & left.keys()]
        assert free, f"a circle among {sorted(left)}"
        for name in free:
            del left[name]


def test_every_room_has_a_row_in_the_floor_plan() -> None:
    rooms = {room_of(path) for path in modules()} - FLOOR_0 - {"__init__", "__main__"}
    assert rooms <= set(ALLOWED)


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_its_row_names(room: str) -> None:
    allowed = ALLOWED[room] | FLOOR_0 | {room, "__version__"}
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} imports {other}"
        for path in modules()
        if room_of(path) == room
        for line, other in imported_rooms(path)
        if other not in allowed
    ]
    assert wrong == []


def test_floor_zero_imports_nothing_above_it() -> None:
    wrong = [
        f"{name}:{line} imports {other}"
        for name in sorted(FLOOR_0)
        for line, other in imported_rooms(PACKAGE / f"{name}.py")
        if other not in FLOOR_0
    ]
    assert wrong == []


def test_the_floor_plan_has_no_circle() -> None:
    left = dict(ALLOWED)
    while left:
        free = [room for room, below in left.items() if not below & set(left)]
        assert free, f"these rooms import each other: {sorted(left)}"
        for room in free:
            del left[room]


def documented_floors() -> dict[str, int]:
    """Room -> floor, as docs/architecture.md tells a reader."""
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| (\d+) \| (.+) \|$", text, flags=re.MULTILINE)
    return {room: int(floor) for floor, rooms in lines for room in re.findall(r"`(\w+)`", rooms)}


def test_the_floors_of_the_docs_are_those_of_the_imports() -> None:
    floors = documented_floors()
    assert set(floors) == set(ALLOWED) | FLOOR_0
    assert {room for room, floor in floors.items() if floor == 0} == FLOOR_0
    climbing = [
        f"{room} ({floors[room]}) imports {below} ({floors[below]})"
        for room, rooms in ALLOWED.items()
        for below in rooms
        if floors[below] >= floors[room]
    ]
    assert climbing == []


@pytest.mark.parametrize("room", LIGHT)
def test_a_light_room_loads_without_torch(room: str) -> None:
    code = (
        f"import sys, gclbench.{room}\n"
        f"found = sorted(set(sys.modules) & {HEAVY!r})\n"
        "sys.exit(f'loads {found}' if found else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-600:]
