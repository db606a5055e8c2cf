"""Compile plain loops with numba; run them, or torch, on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import Any, TypeVar

import numba
import torch

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def jit(function: Kernel) -> Kernel:
    """Return the compiled function; it frees the interpreter lock and never runs in parallel.

    Numba refuses `cache=True` where neither the package folder nor the user's cache is writable (a
    read-only install): there the kernel is compiled anew by each process.
    """
    return _compiled(function)


def jit_sum(function: Kernel) -> Kernel:
    """As `jit`, for a long sum whose terms may be added in the order the processor likes best."""
    return _compiled(function, fastmath={"reassoc", "contract"})


def over_rows(kernel: Callable[..., Any], rows: int, *arguments: Any, chunk: int = 1024) -> Any:
    """Call kernel(start, stop, *arguments) for each chunk of rows; a list of results, in order.

    As many threads as torch uses. A chunk's result must not depend on the others'.
    """
    return list(results_over_rows(kernel, rows, *arguments, chunk=chunk))


def results_over_rows(
    kernel: Callable[..., Any], rows: int, *arguments: Any, chunk: int = 1024
) -> Iterator[Any]:
    """As `over_rows`, each result as soon as it and those before it are there."""
    spans = [(start, min(start + chunk, rows)) for start in range(0, rows, chunk)]
    threads = torch.get_num_threads()
    if threads == 1 or len(spans) == 1:
        return (kernel(start, stop, *arguments) for start, stop in spans)
    return _pool(threads).map(lambda span: kernel(*span, *arguments), spans)


def each_alone(work: Callable[[Any], object], items: Sequence[Any]) -> None:
    """Call work(item) for every item, in any order, on as many threads as torch uses.

    Inside, torch runs on one thread: several products side by side keep all cores busier than one
    product that is split. What the calls write must not depend on their order.
    """
    threads = torch.get_num_threads()
    if threads == 1 or len(items) == 1:
        for item in items:
            work(item)
    else:
        list(_lone_pool(threads).map(work, items))


@cache
def _lone_pool(threads: int) -> ThreadPoolExecutor:
    def alone() -> None:
        torch.get_num_threads()  # a thread takes over the common number at its first call
        torch.set_num_threads(1)

    started = Barrier(threads)
    pool = ThreadPoolExecutor(threads, "gclbench-product", initializer=alone)
    list(pool.map(lambda _: started.wait(), range(threads)))
    # Each thread keeps its 1; this restores what threads yet to come will take over.
    torch.set_num_threads(threads)
    return pool


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    # Kept: a search for neighbours calls thousands of times, and idle threads cost nothing.
    return ThreadPoolExecutor(threads, thread_name_prefix="gclbench-kernel")


def _compiled(function: Any, **options: Any) -> Any:
    try:
        return numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:
        return numba.njit(nogil=True, **options)(function)
