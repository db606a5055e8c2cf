"""The command line, in this process or in one of its own, and what it leaves on disk."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from gclbench.cli.app import main
from gclbench.tracking.store import RunStore
from gclbench.tracking.tables import METRICS, RUNS

ROOT = Path(__file__).resolve().parents[2]
OWN_STUDY = ROOT / "examples" / "own_study"
# How lines of progress begin or what they hold.
PROGRESS = re.compile(
    r"(names|start|done|note|failed|trial) |       "
    r"|.*  seed \d+  (mAP|damaged)|.* trials; profile "
)
THREAD_VARIABLES = ("MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended; `stderr` is notices and errors with progress."""

    code: int
    out: str
    stderr: str

    @property
    def err(self) -> str:
        """Notices and errors, without progress."""
        lines = self.stderr.splitlines(keepends=True)
        return "".join(line for line in lines if not PROGRESS.match(line))

    @property
    def tables(self) -> str:
        """From the first table to the list of files, without progress."""
        return self.out[self.out.index("Table 6") : self.out.index("wrote ")]


class Cli:
    """Commands over one results folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str) -> Answer:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*words, f"home={self.home}"])
        return Answer(code, out.getvalue(), err.getvalue())

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start the console script in a process of its own, as a user's shell would."""
        environment = {k: v for k, v in os.environ.items() if k not in THREAD_VARIABLES}
        return subprocess.Popen(
            [Path(sys.executable).with_name("gclbench"), *words, f"home={self.home}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def outside(self, *words: str) -> Answer:
        """Run the console script to its end."""
        process = self.start(*words)
        out, err = process.communicate(timeout=300)
        return Answer(process.returncode, out, err)

    def latest(self, table: str) -> Path:
        """The folder of the latest report of a table."""
        return self.home / "reports" / table / "latest"

    def manifests(self) -> dict[str, dict[str, Any]]:
        """The manifests of all finished artifacts by key."""
        paths = (self.home / "artifacts").glob("*/*/manifest.json")
        return {path.parent.name: json.loads(path.read_text()) for path in paths}

    def runs(self, stage: str) -> list[tuple[str, str, str]]:
        """(id, status, output) of a stage's runs in the order in which they started."""
        columns = (RUNS.c.id, RUNS.c.status, RUNS.c.output)
        query = select(*columns).where(RUNS.c.stage == stage).order_by(RUNS.c.started)
        return [(row[0], row[1], row[2] or "") for row in self._ask(query)]

    def epochs(self, run_id: str) -> list[int]:
        """The epochs for which a run stored a loss."""
        chosen = (METRICS.c.run_id == run_id) & (METRICS.c.name == "loss")
        query = select(METRICS.c.step).where(chosen).order_by(METRICS.c.step)
        return [row[0] for row in self._ask(query)]

    def _ask(self, query: Any) -> Sequence[Any]:
        store = RunStore(f"sqlite:///{self.home / 'store.db'}")
        with store.transaction() as connection:
            rows = list(connection.execute(query))
        store.close()
        return rows


@dataclass(frozen=True)
class Installed:
    """The example as pip would leave it (source beside its metadata), and a results folder."""

    site: Path
    home: Path

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        paths = [str(self.site), str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        return subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.site,
            timeout=600,
            check=False,
        )

    def latest(self, table: str) -> Path:
        """The folder of the latest report of a table."""
        return self.home / "reports" / table / "latest"

    @property
    def content(self) -> Path:
        return OWN_STUDY / "content"

    def cli(self, *words: str, content: Path | None = None) -> subprocess.CompletedProcess[str]:
        start = "import sys; from gclbench.cli.app import main; sys.exit(main(sys.argv[1:]))"
        return self.python("-c", start, *words, "--content", str(content or self.content))

    def manifests(self) -> dict[str, dict[str, Any]]:
        paths = (self.home / "artifacts").glob("*/*/manifest.json")
        return {path.parent.name: json.loads(path.read_text()) for path in paths}


def _install(folder: Path, *, packages: bool = True) -> Installed:
    """Lay the example out under `folder` as a wheel would; nothing is fetched or built."""
    if not packages:
        return Installed(folder, folder / "results")
    project = tomllib.loads((OWN_STUDY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = folder / "site"
    shutil.copytree(
        OWN_STUDY / "own_study", site / "own_study", ignore=shutil.ignore_patterns("__pycache__")
    )
    info = site / f"own_study-{project['version']}.dist-info"
    info.mkdir()
    header = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(header, encoding="utf-8")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {module}" for name, module in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Installed(site, folder / "results")


@pytest.fixture(scope="session")
def install() -> Callable[..., Installed]:
    """Put examples/own_study into a folder, with a results folder beside it."""
    return _install


@pytest.fixture(scope="module")
def cli_at() -> Callable[[Path], Cli]:
    return Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "results")


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """A Market-1501 in its own folders and file names: four people, three images each."""
    root, rng = tmp_path / "Market-1501-v15.09.15", np.random.default_rng(0)
    names = {
        "bounding_box_train": [f"{p:04d}_c{c}s1_{100 * p + c:06d}_01.jpg" for p in (2, 7, 9, 11)
                               for c in (1, 2, 3)],
        "query": ["0001_c1s1_001051_00.jpg", "0003_c2s1_000301_00.jpg"],
        "bounding_box_test": ["-1_c1s1_000401_03.jpg", "0000_c1s2_000010_01.jpg",
                              "0001_c2s3_000020_02.jpg", "0003_c1s3_000040_02.jpg"],
    }  # fmt: skip
    for folder, files in names.items():
        (root / folder).mkdir(parents=True)
        for file in files:
            pixels = rng.integers(0, 256, (128, 64, 3), np.uint8)
            Image.fromarray(pixels).save(root / folder / file, "JPEG")
    return root
