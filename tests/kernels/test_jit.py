from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import NullCache

from gclbench.kernels import cache
from gclbench.kernels import jit as jit_module
from gclbench.kernels.jit import each_alone, jit, jit_sum, over_rows


@pytest.fixture(params=[1, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_every_row_is_visited_once_and_results_keep_their_order(threads):
    seen = np.zeros(103, dtype=int)

    def visit(start, stop, step):
        seen[start:stop] += step
        return start, stop

    spans = over_rows(visit, 103, 1, chunk=10)
    assert spans == [(s, min(s + 10, 103)) for s in range(0, 103, 10)]
    assert (seen == 1).all()


def test_several_chunks_run_on_as_many_threads_as_torch_uses(threads):
    meeting = threading.Barrier(threads, timeout=20)
    names = over_rows(
        lambda start, stop: (meeting.wait(), threading.current_thread().name)[1], threads, chunk=1
    )
    assert len(set(names)) == threads


def test_an_error_in_a_chunk_reaches_the_caller(threads):
    def fail(start, stop):
        raise ValueError(f"row {start}")

    with pytest.raises(ValueError, match="row 0"):
        over_rows(fail, 50, chunk=7)


def test_no_rows_is_no_call():
    assert over_rows(lambda start, stop: 1 / 0, 0) == []


def test_each_item_is_worked_on_once_by_single_threaded_torch(threads):
    seen, inside = [], []
    meeting = threading.Barrier(threads, timeout=20)

    def work(item):
        meeting.wait()
        inside.append(torch.get_num_threads())
        seen.append(item)

    each_alone(work, list(range(6 * threads)))
    assert sorted(seen) == list(range(6 * threads))
    assert set(inside) == {1}
    assert torch.get_num_threads() == threads
    newcomer = []
    thread = threading.Thread(target=lambda: newcomer.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert newcomer == [threads]


def test_compiled_loops_give_what_python_gives():
    def total(values):
        result = 0.0
        for value in values:
            result += value
        return result

    values = np.arange(1000.0) / 7
    assert jit(total)(values) == total(values)
    assert jit_sum(total)(values) == pytest.approx(total(values), rel=1e-12)


def test_this_numba_numbers_functions_by_the_counter_that_is_set() -> None:
    assert jit_module.SYMBOLS_ARE_UNIQUE
    before = FunctionIdentity._unique_ids
    try:
        assert jit_module.number_functions_from(12345)
        assert FunctionIdentity.from_function(jit).unique_name.endswith("$12346")
    finally:
        FunctionIdentity._unique_ids = before


NUMBERS = """if True:
    import multiprocessing
    from numba.core.bytecode import FunctionIdentity
    from gclbench.kernels import jit

    def tell():
        print(next(FunctionIdentity._unique_ids), flush=True)

    tell()
    child = multiprocessing.get_context("fork").Process(target=tell)
    child.start()
    child.join()
    tell()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_no_two_processes_number_their_functions_alike() -> None:
    command = [sys.executable, "-c", NUMBERS]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    parent, child, parent_later, *other = [
        int(number) for process in both for number in process.communicate()[0].split()
    ]
    assert parent_later == parent + 1
    numbers = [parent, child, *other[:2]]
    gaps = [abs(a - b) for i, a in enumerate(numbers) for b in numbers[:i]]
    assert min(gaps) > 1_000_000  # two of 2**48 numbers lie so near once in 140 million times


def test_a_numba_without_the_counter_keeps_no_code_and_says_so(monkeypatch) -> None:
    monkeypatch.delattr(FunctionIdentity, "_unique_ids")
    assert not jit_module.number_functions_from(1)
    monkeypatch.setattr(jit_module, "SYMBOLS_ARE_UNIQUE", False)
    assert isinstance(jit(len_of)._cache, NullCache)
    assert "compiled anew by each process" in jit_module.cache_notice()


def len_of(values):
    return len(values)


def test_a_folder_that_cannot_be_used_is_said(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("GCLBENCH_CACHE", str(tmp_path))
    assert jit_module.cache_notice() == ""
    folder = cache.kernel_folder()
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert "can be written by other users" in jit_module.cache_notice()
