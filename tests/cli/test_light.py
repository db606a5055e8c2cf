"""Verbs that only look do not load what trains: no torch, no compiled kernels, no pandas."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gclbench

HEAVY = ("numba", "optuna", "pandas", "pyrender", "sacred", "seaborn", "smplx", "torch")
CODE = """
import contextlib, io, json, sys
from gclbench.cli.app import main
with contextlib.redirect_stdout(io.StringIO()) as out:
    code = main(sys.argv[2:])
found = sorted(set(json.loads(sys.argv[1])) & set(sys.modules))
print(json.dumps([code, len(out.getvalue()), found]))
"""
VERBS = (
    "--help",
    "--version",
    "list",
    "list augmentations",
    "list baselines",
    "list figures",
    "list warmups --json",
    "show augmentations multi",
    "show samplers identities",
    "show warmups act",
    "show ablations table6",
    "show cell table6:rotation_dmixup:market1501:0",
    "list settings",
    "plan ablation=table6 profile=smoke",
    "plan recipe=act task=duke2market",
)


@pytest.mark.parametrize("words", VERBS)
def test_a_verb_that_only_looks_stays_light(words: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(HEAVY), *words.split()],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(gclbench.__file__).parents[1]), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code, printed, found = json.loads(done.stdout)
    assert (code, found) == (0, [])
    assert printed > 10
