"""Where a run ran: host, CPU, package versions, git states. Gathered once per process."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pathlib import Path

from gclbench.schema import Conditions
from gclbench.tracking.machine import cpu_model, instruction_set

_PACKAGES = (
    "faiss-cpu",
    "faiss-gpu",
    "gclbench",
    "numba",
    "numpy",
    "optuna",
    "pydantic",
    "pyrender",
    "sacred",
    "scikit-learn",
    "scipy",
    "smplx",
    "sqlalchemy",
    "torch",
)
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of the packages whose numbers matter, of those that are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def host_info() -> dict[str, str]:
    """Return the machine's name, system, processor, core count and thread settings."""
    info = {
        "hostname": platform.node(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
    }
    return info | {name: os.environ[name] for name in _THREADS if name in os.environ}


@cache
def git_state() -> dict[str, str]:
    """Return commit and whether files differ from it; empty outside of a checkout of gclbench."""
    return _checkout(Path(__file__).resolve().parents[2])


@cache
def component_packages(group: str) -> dict[str, dict[str, str]]:
    """Return the distributions that announce components by entry points of a group.

    Each with its version and, where its modules lie in a checkout, commit and dirty.
    """
    found: dict[str, dict[str, str]] = {}
    for point in entry_points(group=group):
        if point.dist is not None:
            found[point.dist.name] = {"version": point.dist.version, **_git_of(point)}
    return dict(sorted(found.items()))


def conditions(*, threads: int, device: str, engine: str, group: str) -> Conditions:
    """Return what this process knows of itself; `group` is that of components' entry points."""
    return Conditions(
        cpu_model=cpu_model(),
        instruction_set=instruction_set(),
        threads=threads,
        device=device,
        host=platform.node(),
        engine=engine,
        git=git_state(),
        packages=component_packages(group),
    )


def _git_of(point: EntryPoint) -> dict[str, str]:
    """The state of the checkout that a package is run from, an installed copy has none."""
    try:
        spec = find_spec(point.module.partition(".")[0])
    except (ImportError, ValueError):  # a broken plug-in is left out of the catalogue too
        return {}
    places = [*((spec and spec.submodule_search_locations) or []), (spec and spec.origin) or ""]
    path = Path(places[0]).resolve() if places[0] else None
    if path is None or {"site-packages", "dist-packages"}.intersection(path.parts):
        return {}
    roots = (folder for folder in (path, *path.parents) if (folder / ".git").exists())
    root = next(roots, None)
    return {} if root is None else _checkout(root)


def _checkout(root: Path) -> dict[str, str]:
    if not (root / ".git").exists():
        return {}
    commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    if commit is None:
        return {}
    return {
        "commit": commit,
        "dirty": "unknown" if changes is None else str(bool(changes)).lower(),
    }


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
