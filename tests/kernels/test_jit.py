from __future__ import annotations

import threading

import numba
import numpy as np
import pytest
import torch

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


def test_compiling_works_where_no_cache_folder_can_be_written(monkeypatch):
    def njit(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", njit)
    assert jit(len) is len
    assert jit_sum(len) is len
