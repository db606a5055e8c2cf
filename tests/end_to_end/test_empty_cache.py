"""Chains over an empty kernel cache: two workers that compile side by side, and one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = ("run", "ablation=table6", "profile=smoke", "rows=none,rotation", "tasks=market1501")
CHAINS = {
    "two workers": ("executor=local", "workers=2"),
    "two workers again": ("executor=local", "workers=2"),
    "inline": ("executor=inline",),
}


def tables(folder: Path, words: tuple[str, ...]) -> dict[str, bytes]:
    """Run the chain with a home and a kernel cache of its own; all CSV files by name."""
    done = subprocess.run(
        [Path(sys.executable).with_name("gclbench"), *COMMAND, *words, f"home={folder / 'home'}"],
        env={**os.environ, "GCLBENCH_CACHE": str(folder / "cache")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert list((folder / "cache").glob("kernels/*/*.kernel"))
    reports = (folder / "home" / "reports").rglob("*.csv")
    return {path.name: path.read_bytes() for path in sorted(reports)}


@pytest.mark.fresh
def test_two_workers_over_an_empty_cache_print_what_one_process_prints(tmp_path: Path) -> None:
    found = {name: tables(tmp_path / name, words) for name, words in CHAINS.items()}
    assert "table6.csv" in found["inline"]
    assert b"nan" not in found["inline"]["table6.csv"]
    assert found["two workers"] == found["inline"]
    assert found["two workers again"] == found["inline"]
