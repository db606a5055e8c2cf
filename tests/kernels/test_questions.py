"""Every compiled kernel that Python calls has a question, and its answer is the plain loop's."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numba
import numpy as np
import pytest
from numba import types

import gclbench
from gclbench.errors import KernelError
from gclbench.kernels import dbscan, proofs
from gclbench.kernels.jit import jit
from gclbench.kernels.questions import QUESTIONS, Question

FOLDER = Path(gclbench.__file__).parent / "kernels"
# Only kernels call these.
INNER = {
    "candidates._any_above",
    "candidates._any_above_own",
    "candidates._shrink",
    "dbscan._root",
    "jaccard._grown",
    "ranked_lists._average_precision",
    "ranked_lists._copy_finite",
    "ranked_lists._matches",
    "ranked_lists._nearest",
    "ranked_lists._place",
    "similarity._order_row",
    "similarity.dot",
    "sorting._insert",
    "sorting._split",
    "sorting.smallest_at",
    "sorting.sort",
}
PLAIN = """
import importlib
import numpy as np
from gclbench.kernels.proofs import wrong
from gclbench.kernels.questions import QUESTIONS

def array(value):
    return np.array(value) if isinstance(value, list) else value

for name, question in QUESTIONS.items():
    module, function = name.split(".")
    kernel = getattr(importlib.import_module(f"gclbench.kernels.{module}"), function)
    assert not hasattr(kernel, "py_func"), "this is not the plain loop"
    given = [array(value) for value in question.arguments]
    print(name, wrong(kernel(*given), given, question))
"""


def compiled_functions() -> set[str]:
    return {
        f"{path.stem}.{node.name}"
        for path in FOLDER.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        for mark in node.decorator_list
        if isinstance(mark, ast.Name) and mark.id in ("jit", "jit_sum")
    }


def test_every_kernel_that_python_calls_has_a_question() -> None:
    assert compiled_functions() - INNER == set(QUESTIONS)


def test_inner_kernels_are_called_by_no_plain_function() -> None:
    names = {name.partition(".")[2] for name in INNER}
    for path in FOLDER.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.decorator_list:
                called = {
                    call.func.id
                    for call in ast.walk(node)
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
                }
                assert not called & names, f"{path.name}: {node.name}"


def test_the_answers_are_those_of_the_loops_run_by_python() -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PLAIN], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{name} " for name in QUESTIONS]


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_answer_is_what_the_arguments_hold_already(name: str) -> None:
    question = QUESTIONS[name]
    assert question.writes or question.returns is not None
    for place, expected in question.writes.items():
        before, after = np.array(question.arguments[place]), np.array(expected)
        kept = name == "merging._pairs_of_block"  # a scratch that must be left as it was
        assert kept or not np.array_equal(before, after, equal_nan=before.dtype.kind == "f")


def test_a_kernel_is_asked_before_it_is_used_once_for_each_kind_of_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []
    monkeypatch.setattr(
        "gclbench.kernels.jit.prove",
        lambda kernel, result: events.append(str(result.signature.args[0].dtype)),
    )

    def loop(values: list[float]) -> float:
        values[0] += 1
        return values[0]

    kernel = jit(loop)
    for value in (np.zeros(1), np.zeros(1), np.zeros(1, np.float32)):
        events.append(f"used {kernel(value)}")
    assert events == ["float64", "used 1.0", "used 1.0", "float32", "used 1.0"]


def test_a_kernel_that_another_one_calls_is_asked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "gclbench.kernels.jit.prove", lambda kernel, result: asked.append(kernel.py_func.__name__)
    )

    @jit
    def inner(value: float) -> float:
        return value + 1

    @jit
    def outer(value: float) -> float:
        return inner(value)

    assert outer(1.0) == 2.0
    assert asked == ["inner", "outer"]
    assert inner(1.0) == 2.0
    assert asked == ["inner", "outer"]


def test_a_kernel_that_failed_its_question_is_neither_used_nor_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GCLBENCH_CACHE", str(tmp_path))

    def fail(kernel: object, result: object) -> None:
        raise KernelError("wrong")

    monkeypatch.setattr("gclbench.kernels.jit.prove", fail)

    def loop(values: list[float]) -> None:
        values[0] = 1

    kernel, values = jit(loop), np.zeros(1)
    for _ in range(3):
        with pytest.raises(KernelError):
            kernel(values)
    assert values[0] == 0
    assert list(tmp_path.rglob("*.kernel")) == []


def test_no_thread_uses_a_kernel_before_it_has_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    asking, answer = threading.Event(), threading.Event()

    def slow(kernel: object, result: object) -> None:
        asking.set()
        assert answer.wait(20)

    monkeypatch.setattr("gclbench.kernels.jit.prove", slow)

    def loop(values: list[float]) -> None:
        values[0] = 1

    kernel, values = jit(loop), np.zeros(1)
    threads = [threading.Thread(target=kernel, args=(values,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert asking.wait(20)
    time.sleep(0.2)
    assert values[0] == 0
    answer.set()
    for thread in threads:
        thread.join(20)
    assert values[0] == 1


@pytest.mark.parametrize("found,same", [(16_777_366, False), (16_777_216, True)])
def test_whole_numbers_are_compared_exactly(found: int, same: bool) -> None:
    question = Question(arguments=(), returns=[16_777_216])
    assert (proofs.wrong([found], [], question) == "") == same


def test_a_wrong_kernel_is_named_with_its_folder_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def _root(parent: object, i: int) -> int:
        return i + 1

    _root.__module__ = "gclbench.kernels.dbscan"
    question = Question(arguments=([0, 0, 1], 2), returns=0)
    monkeypatch.setattr(proofs, "QUESTIONS", {"dbscan._root": question})
    assert dbscan._root(np.array([0, 0, 1], np.int16), 2) == 0  # the right one passes
    with pytest.raises(
        KernelError, match=r"dbscan\._root is wrong: it returned 3, not 0"
    ) as error:
        jit(_root)(np.array([0, 0, 1]), 2)
    assert "kernels" in str(error.value)
    assert "gclbench doctor --sweep all" in str(error.value)


def test_a_question_is_asked_in_the_types_of_the_call() -> None:
    given = [
        np.zeros((2, 4), np.float32)[:, ::2],
        np.asfortranarray(np.zeros((3, 2))),
        np.zeros(2, np.int32),
        (1, 2.0),
        True,
        np.float32(1),
    ]
    given[2].flags.writeable = False
    kinds = [numba.typeof(value) for value in given]
    plain = ([[1, 2], [3, 4]], [[1, 2], [3, 4], [5, 6]], [1, 2], (3, 4), 1, 2)
    cast = [proofs.cast(value, kind) for value, kind in zip(plain, kinds, strict=True)]
    assert [numba.typeof(value) for value in cast] == kinds
    assert cast[0].tolist() == [[1, 2], [3, 4]]
    assert isinstance(kinds[3], types.BaseTuple)
    assert cast[3] == (3, 4.0)
