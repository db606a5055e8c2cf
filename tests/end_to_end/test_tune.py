"""A real search of the smoke profile, killed halfway with all its processes, and called again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

WORDS = (
    *("tune", "study=dbscan_eps", "trials=3", "workers=2", "profile=smoke"),
    *("data.world.people_train=8", "data.world.people_test=6", "pretrain.epochs=1"),
    *("pretrain.people=8", "source.epochs=1", "warmup.epochs=1", "gan.epochs=1"),
    *("joint.epochs=2", "joint.batch_size=4"),
)


def start(home: Path, *words: str) -> subprocess.Popen[str]:
    """The console script, leader of a process group of its own."""
    return subprocess.Popen(
        [Path(sys.executable).with_name("gclbench"), *WORDS, f"home={home}", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def manifests(home: Path) -> dict[str, bytes]:
    """Manifests of finished nodes; a folder `<key>.partial` is not finished, whatever it holds."""
    found = (home / "artifacts").glob("*/*/manifest.json")
    return {p.parent.name: p.read_bytes() for p in found if not p.parent.suffix}


def wait_for(home: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + 240
    while not list((home / "artifacts").glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit, "nothing was trained"
        time.sleep(0.1)


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A results folder whose search was killed while its second trial trained."""
    home = tmp_path / "results"
    process = start(home)
    try:
        wait_for(home, "evaluate/*/manifest.json", process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return home


def test_a_search_that_was_killed_goes_on_and_loses_and_doubles_nothing(killed: Path) -> None:
    before = manifests(killed)
    assert before
    again = start(killed, "--json")
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    answer: dict[str, Any] = json.loads(out)
    others = dict.fromkeys(("pruned", "failed", "running", "damaged"), 0)
    assert answer["trials"] == {"complete": 3, **others}
    after = manifests(killed)
    assert {key: after[key] for key in before} == before  # nothing finished was trained again
    stages = [json.loads(text)["stage"] for text in after.values()]
    assert {stage: stages.count(stage) for stage in sorted(set(stages))} == {
        "evaluate": 6,
        "gan": 1,
        "joint": 3,
        "pretrain": 1,
        "source": 1,
        "warmup": 1,
    }
    table = (killed / "reports" / "tune" / "dbscan_eps" / "trials.csv").read_text()
    rows = [line.split(",") for line in table.splitlines()[1:]]
    assert len({row[0] for row in rows}) == len({row[2] for row in rows}) == 3
