"""Where a run ran: host, package versions, git state. Gathered once per process."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
    root = Path(__file__).resolve().parents[2]
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
