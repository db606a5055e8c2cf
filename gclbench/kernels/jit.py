"""Compile plain loops with numba, and run them over ranges of rows on several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
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
    """Call kernel(start, stop, *arguments) for each chunk of rows; results in order.

    As many threads as torch uses. A chunk's result must not depend on the others'.
    """
    spans = [(start, min(start + chunk, rows)) for start in range(0, rows, chunk)]
    threads = torch.get_num_threads()
    if threads == 1 or len(spans) == 1:
        return [kernel(start, stop, *arguments) for start, stop in spans]
    return list(_pool(threads).map(lambda span: kernel(*span, *arguments), spans))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    # Kept: a search for neighbours calls thousands of times, and idle threads cost nothing.
    return ThreadPoolExecutor(threads, thread_name_prefix="gclbench-kernel")


def _compiled(function: Any, **options: Any) -> Any:
    try:
        return numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:
        return numba.njit(nogil=True, **options)(function)
