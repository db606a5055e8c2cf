"""`gclbench doctor`: can this machine run the bench, and if not, what is missing?"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import typer

from gclbench import __version__
from gclbench.cli.arguments import read_words
from gclbench.cli.exit import ExitCode
from gclbench.cli.output import note, say, say_json
from gclbench.words.verbs import DoctorWords

Status = Literal["ok", "warn", "fail"]
PACKAGES = ("torch", "numpy", "numba", "scipy", "scikit-learn", "pandas", "sacred", "sqlalchemy",
            "optuna", "smplx", "pyrender", "rich", "typer", "pydantic")  # fmt: skip
FREE_GB_WARN, FREE_GB_FAIL = 5.0, 0.5
PROBE_SECONDS = 60
# Runs in a process of its own: a broken GL library may take its process down.
_GL_PROBE = (
    "import pyrender; r = pyrender.OffscreenRenderer(8, 8); "
    "from OpenGL.GL import glGetString, GL_RENDERER; "
    "print(glGetString(GL_RENDERER).decode()); r.delete()"
)


class Sweep(StrEnum):
    """Which compiled kernels go: those of other versions, or this one's too."""

    OLD = "old"
    ALL = "all"


@dataclass(frozen=True)
class Finding:
    """One check: `remedy` is empty when all is well."""

    check: str
    status: Status
    found: str
    remedy: str = ""


def doctor(
    words: Annotated[list[str] | None, typer.Argument(metavar="[home=DIR]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of checks.")] = False,
    sweep: Annotated[
        Sweep | None, typer.Option(help="First remove compiled kernels: of old versions, or all.")
    ] = None,
) -> None:
    """Check Python, packages, GL, faiss, disk, compiled kernels and the results folder.

    Exit code 1 when something fails.

    \b
    Examples:
      gclbench doctor
      gclbench doctor home=/scratch/results --json
      gclbench doctor --sweep old
    """
    home = read_words(DoctorWords, words).home
    if sweep is not None:
        _sweep(sweep)
    findings = examine(home)
    if as_json:
        say_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(f"{finding.status:<5} {finding.check:<16} {finding.found}")
            if finding.remedy:
                say(f"{'':<23}{finding.remedy}")
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def examine(home: Path) -> list[Finding]:
    """Run every check; none of them raises."""
    checks: Sequence[Callable[[], Finding | list[Finding]]] = (
        _python, _packages, _sacred, _torch, _faiss, lambda: _gl("egl"), lambda: _gl("osmesa"),
        lambda: _home(home), lambda: _disk(home), _content, _kernels,
    )  # fmt: skip
    findings: list[Finding] = []
    for check in checks:
        result = check()
        findings += result if isinstance(result, list) else [result]
    return findings


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    found = f"{platform.python_version()} on {platform.platform()}; gclbench {__version__}"
    return Finding("python", "ok" if good else "fail", found, "" if good else "Use Python 3.11+.")


def _packages() -> list[Finding]:
    versions: dict[str, str | None] = {name: _version(name) for name in PACKAGES}
    missing = [name for name, found in versions.items() if found is None]
    listed = ", ".join(f"{name} {found}" for name, found in versions.items() if found)
    findings = [Finding("packages", "ok", listed)]
    if missing:
        remedy = 'Install the package anew: pip install -e ".[cpu]"'
        findings.append(Finding("packages", "fail", f"missing: {', '.join(missing)}", remedy))
    return findings


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _sacred() -> Finding:
    try:
        with warnings.catch_warnings():  # sacred warns of pkg_resources, which this check is about
            warnings.simplefilter("ignore")
            importlib.import_module("sacred")
    except Exception as error:  # sacred fails in odd ways without pkg_resources
        remedy = 'sacred needs pkg_resources: pip install "setuptools>=77.0.3,<82"'
        return Finding("sacred", "fail", _short(error), remedy)
    return Finding("sacred", "ok", f"imports (setuptools {_version('setuptools')})")


def _torch() -> Finding:
    try:
        import torch
    except Exception as error:
        return Finding(
            "torch", "fail", _short(error), 'Install it: pip install "torch>=2.4,<2.14"'
        )
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU (none is needed)"
    found = f"{torch.__version__}, {torch.get_num_threads()} threads, {_cores()} cores, {gpu}"
    return Finding("torch", "ok", found)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _faiss() -> Finding:
    try:
        faiss = importlib.import_module("faiss")
    except Exception:
        remedy = 'Optional, for large datasets: pip install "gclbench[cpu]" (or [gpu])'
        return Finding("faiss", "warn", "not installed; torch finds neighbours instead", remedy)
    both = _version("faiss-cpu") and _version("faiss-gpu")
    if both:
        remedy = "They give the same module: uninstall one of them."
        return Finding("faiss", "fail", "faiss-cpu and faiss-gpu are both installed", remedy)
    return Finding("faiss", "ok", str(getattr(faiss, "__version__", "installed")))


def _gl(backend: str) -> Finding:
    package = {"egl": "libegl1", "osmesa": "libosmesa6"}[backend]
    environment = {**os.environ, "PYOPENGL_PLATFORM": backend}
    remedy = (
        f"Optional (renderer=pyrender): apt-get install {package}. Our rasteriser needs no GL."
    )
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _GL_PROBE],
            env=environment, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(f"gl {backend}", "warn", _short(error), remedy)
    if probe.returncode == 0:
        return Finding(f"gl {backend}", "ok", probe.stdout.strip())
    lines = probe.stderr.strip().splitlines() or [f"exit status {probe.returncode}"]
    return Finding(f"gl {backend}", "warn", lines[-1][:80], remedy)


def _home(home: Path) -> Finding:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=home):
            return Finding("results folder", "ok", f"{home.resolve()} is writable")
    except OSError as error:
        remedy = "Choose another: home=DIR, or set GCLBENCH_HOME."
        return Finding("results folder", "fail", f"{home}: {_short(error)}", remedy)


def _disk(home: Path) -> Finding:
    place = next(
        (folder for folder in (home, *home.resolve().parents) if folder.is_dir()), Path("/")
    )
    free = shutil.disk_usage(place).free / 1e9
    found = f"{free:.1f} GB free"
    if free < FREE_GB_FAIL:
        return Finding("disk", "fail", found, "Free space, or choose another home=DIR.")
    if free < FREE_GB_WARN:
        return Finding("disk", "warn", found, "Table 6 with the laptop profile wants some GB.")
    return Finding("disk", "ok", found)


def _content() -> Finding:
    from gclbench.content import Content
    from gclbench.errors import GclbenchError

    try:
        content = Content()
        for name in content.names("ablations"):
            content.recipe(content.study(name).recipe)
        found = f"{len(content.names('ablations'))} ablations, " \
                f"{len(content.names('baselines'))} baselines"  # fmt: skip
    except GclbenchError as error:
        return Finding("content", "fail", _short(error), "Mend the file named.")
    return Finding("content", "ok", found)


def _kernels() -> Finding:
    from gclbench.kernels.cache import folders, kernel_folder, trouble

    found = folders()
    old = [folder for folder in found if not folder.current]
    kept = sum(folder.megabytes for folder in found if folder.current)
    text = f"{kept:.1f} MB in {kernel_folder()}"
    if reason := trouble():
        return Finding("compiled kernels", "warn", "compiled anew by each process", reason)
    if not old:
        return Finding("compiled kernels", "ok", text)
    listed = ", ".join(str(folder.path) for folder in old)
    size = sum(folder.megabytes for folder in old)
    remedy = f"Of other versions, {size:.1f} MB: {listed}. Remove: gclbench doctor --sweep old"
    return Finding("compiled kernels", "warn", text, remedy)


def _sweep(which: Sweep) -> None:
    from gclbench.kernels.cache import sweep

    for folder in sweep(everything=which is Sweep.ALL):
        note(f"removed {folder.path} ({folder.megabytes:.1f} MB)")


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else f"{text[:157]}..."
