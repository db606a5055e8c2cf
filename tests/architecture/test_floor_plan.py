"""The floor plan: a room imports only the rooms its row names, and light rooms stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "gclbench"
FLOOR_0 = {"cache_folder", "errors", "digest", "plain_yaml", "registry", "seeding"}
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
    "tracking": {"schema"},
    "claims": {"schema", "stats"},
    "augmentations": {"kernels", "schema"},
    "losses": {"kernels", "schema"},
    "networks": {"kernels", "schema"},
    "memory": {"kernels"},
    "pseudolabels": {"kernels", "schema"},
    "samplers": {"schema"},
    "meshes": {"kernels", "schema"},
    "datasets": {"kernels", "meshes", "schema"},
    "plan": {"schema"},
    "reporting": {"schema", "stats", "claims"},
    "evaluation": {"kernels", "pseudolabels", "datasets", "schema"},
    "executors": {"schema", "plan"},
    "stages": {"kernels", "evaluation", "schema", *COMPONENTS},
    "runtime": {
        "schema", "kernels", "content", "plan", "executors", "tracking", "stages", "evaluation",
        "reporting", "stats", "claims", *COMPONENTS,
    },
    "search": {"schema", "plan", "executors", "tracking", "reporting", "runtime"},
    "testing": {
        "schema", "kernels", "plan", "executors", "augmentations", "pseudolabels", "samplers",
        "datasets", "stages", "runtime",
    },
    "retrieval": {"kernels"},
    "cli": {
        "schema", "kernels", "content", "stats", "claims", "tracking", "plan", "reporting",
        "executors", "runtime", "search",
    },
}  # fmt: skip

HEAVY = {"numba", "optuna", "pandas", "pyrender", "sacred", "seaborn", "smplx", "torch"}
LIGHT = (*sorted(FLOOR_0), "schema", "stats", "claims", "content", "plan", "reporting", "cli.app")


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
