"""The list of dependencies is honest: what is imported is on it, and its bounds were resolved."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Import name -> distributions that give it, where the names differ.
DISTRIBUTIONS = {
    "PIL": {"pillow"},
    "faiss": {"faiss-cpu", "faiss-gpu"},
    "llvmlite": {"numba"},  # numba pins it to one minor release: a bound of ours would only clash
    "ruamel": {"ruamel-yaml"},
    "sklearn": {"scikit-learn"},
}
NOT_IMPORTED = {
    "setuptools": "sacred imports pkg_resources, which setuptools gives",
}
PYTHONS = ("py311", "py312", "py313")


def named(entries: list[str]) -> dict[str, Requirement]:
    """Distribution -> requirement; `gclbench[cpu]` only names extras and is left out."""
    found = {canonicalize_name(entry.name): entry for entry in map(Requirement, entries)}
    return {name: entry for name, entry in found.items() if name != PROJECT["name"]}


REQUIRED = named(PROJECT["dependencies"])
DECLARED = set(REQUIRED).union(*map(named, EXTRAS.values()))


def foreign_imports() -> Iterator[tuple[str, str]]:
    """(file and line, top-level name) of every import that is neither ours nor Python's own."""
    for path in sorted((ROOT / "gclbench").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for top in {module.split(".")[0] for module in modules}:
                if top != "gclbench" and top not in sys.stdlib_module_names:
                    yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}", top


def givers(top: str) -> set[str]:
    return DISTRIBUTIONS.get(top, {canonicalize_name(top)})


def pins(name: str) -> dict[str, Version]:
    """Distribution -> version, of a file in constraints/."""
    text = (ROOT / "constraints" / name).read_text(encoding="utf-8")
    entries = named([line for line in text.splitlines() if re.match(r"\w", line)])
    return {key: Version(next(iter(entry.specifier)).version) for key, entry in entries.items()}


def test_everything_that_is_imported_is_a_dependency_or_an_extra() -> None:
    wrong = [f"{place} imports {top}" for place, top in foreign_imports()
             if not givers(top) & DECLARED]  # fmt: skip
    assert wrong == []


def test_every_dependency_is_imported_or_says_why_not() -> None:
    imported = set().union(*(givers(top) for _, top in foreign_imports()))
    assert set(REQUIRED) - imported == set(NOT_IMPORTED)


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_are_what_the_bounds_admit(python: str) -> None:
    """When it fails: `tox -e constraints`."""
    pinned = pins(f"{python}.txt")
    entries = REQUIRED | named([entry for extra in EXTRAS if extra != "gpu"
                                for entry in EXTRAS[extra]])  # fmt: skip
    assert [name for name in entries if name not in pinned] == []
    wrong = [f"{name} {pinned[name]}" for name, entry in entries.items()
             if pinned[name] not in entry.specifier]  # fmt: skip
    assert wrong == []


def test_the_oldest_that_are_tested_are_the_bounds_themselves() -> None:
    """A bound that nothing was resolved to is a guess. When it fails: `tox -e constraints`."""
    oldest = pins("lowest-py311.txt")
    entries = REQUIRED | named(EXTRAS["cpu"] + EXTRAS["metrics"])
    bounds = {
        name: Version(next(part.version for part in entry.specifier if part.operator == ">="))
        for name, entry in entries.items()
        if name != "torch"  # held at the build in use, in constraints/torch.in
    }
    assert {name: oldest[name] for name in bounds} == bounds


@pytest.mark.parametrize("name", [*(f"{python}.txt" for python in PYTHONS), "lowest-py311.txt"])
def test_constraints_hold_torch_and_bring_no_cuda(name: str) -> None:
    pinned = pins(name)
    assert pinned["torch"] == pins("torch.in")["torch"]
    assert [each for each in pinned if re.match("nvidia|cuda|triton", each)] == []
