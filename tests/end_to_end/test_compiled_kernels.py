"""Code that another process compiled may answer for ours: it must not, and if it does, no number.

Here numba numbers its functions from 1 again (`number_functions_from`): a process has compiled a
sort that sorts downwards under the very symbol that a kernel in the cache calls.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ONE = ("run", "ablation=table6", "profile=smoke", "rows=baseline", "tasks=market1501",
       "executor=inline")  # fmt: skip

DECOY = '''
import gclbench.kernels.sorting, numba, numpy as np
from gclbench.kernels.jit import jit, number_functions_from

def sort(values):
    """Has the name and the types of gclbench.kernels.sorting.sort, and sorts downwards.

    Too long to be inlined: then its symbol would be gone.
    """
    for gap in (7, 3, 1):
        for i in range(gap, len(values)):
            value, j = values[i], i - gap
            while j >= 0 and values[j] < value:
                values[j + gap] = values[j]
                j -= gap
            values[j + gap] = value
    for i in range(len(values) - 1):
        for j in range(i, len(values) - 1):
            if values[j] < values[j + 1]:
                values[j], values[j + 1] = values[j + 1], values[j]

sort.__module__ = "gclbench.kernels.sorting"
sort = numba.njit(nogil=True)(sort)

@jit
def decoy(values):
    sort(values)

def compile_as(number):
    """Let the wrong sort have this number, and so the symbol of the right one."""
    number_functions_from(number - 2)  # two are taken by the decoy itself
    decoy(np.arange(3))
    assert [result.fndesc.uid for result in sort.overloads.values()] == [number]
'''
# The command as numba would number it; at its end: the number that the sort was given.
COMMAND = """
import sys
from gclbench.kernels.jit import number_functions_from
{before}
number_functions_from(1)
from gclbench.cli.app import main
code = main(sys.argv[1:])
from gclbench.kernels.sorting import sort
print("number", *(result.fndesc.uid for result in sort.overloads.values()))
raise SystemExit(code)
"""


@pytest.fixture(scope="module")
def trained(cli_at: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder in which only the evaluation is missing."""
    home: Path = tmp_path_factory.mktemp("trained") / "results"
    assert cli_at(home)(*ONE).code == 0
    shutil.rmtree(home / "artifacts" / "evaluate")
    return home


def run(
    code: str, cache: Path, *words: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True,
        check=False, env={**os.environ, "GCLBENCH_CACHE": str(cache)},
    )  # fmt: skip


def test_a_sort_under_anothers_symbol_is_caught_before_a_number_is_made(
    trained: Path, tmp_path: Path
) -> None:
    home, cache = tmp_path / "results", tmp_path / "cache"
    shutil.copytree(trained, home)
    command = (*ONE, f"home={home}")
    first = run(COMMAND.format(before=""), cache, *command)
    assert first.returncode == 0, first.stderr
    assert "Baseline" in first.stdout
    assert "seed 0  mAP" in first.stderr
    (number,) = first.stdout.splitlines()[-1].split()[1:]

    shutil.rmtree(home / "artifacts" / "evaluate")
    (tmp_path / "decoy.py").write_text(DECOY)
    before = f"import decoy\ndecoy.compile_as({number})"
    wrong = run(COMMAND.format(before=before), cache, *command, folder=tmp_path)
    said = " ".join((wrong.stdout + wrong.stderr).split())
    assert wrong.returncode == 1, said
    assert "the compiled kernel ranked_lists.score_lists is wrong" in said
    assert "gclbench doctor --sweep all" in said
    assert "seed 0  mAP" not in wrong.stderr  # no line of a finished cell
    assert not list((home / "artifacts" / "evaluate").glob("*/manifest.json"))


FIRST = """
import numpy as np
from numba import njit
for i in range(82):
    exec(f"def f{i}(x): return x + {i}\\nnjit(f{i})(1)")
"""
SECOND = """
import numpy as np
from gclbench.kernels import jaccard
jaccard.jaccard_distances(np.random.default_rng(0).random((200, 16)).astype(np.float32), 10, 3)
"""
RANKING = """
from gclbench.kernels import ranking
distances = np.random.default_rng(0).random((20, 300)).astype(np.float32)
ids, cams = np.arange(300) % 10, np.ones(300, int)
result = ranking.evaluate_distances(distances, np.arange(20) % 10, np.zeros(20, int), ids, cams)
print(f"mAP {100 * result.mAP:.6f}")
"""


def test_two_processes_in_the_order_that_once_ended_in_another_map(tmp_path: Path) -> None:
    answers = [run(first + RANKING, tmp_path).stdout for first in (FIRST, SECOND)]
    assert answers == ["mAP 10.649703\n"] * 2
