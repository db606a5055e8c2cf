"""Compile plain loops with numba, keep them between processes, and have them prove themselves.

The number in a symbol. Numba names a compiled function by module, name, types and a counter that
begins at 1 in every process. Code that one process cached and another loads can so carry the names
of other functions that were compiled here, and the linker keeps the first body of each name: a
sort that does not sort, without a word (numba issue 10486; docs/kernels.md). Importing this module
lets the counter begin at a random 48-bit number, and again in a forked child, so that no two
processes share a name. It is the one place where chance enters without a generator: it reaches
names only, never a number.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import Any, TypeVar

import numba
import torch

from gclbench.kernels.cache import USABLE, KernelCache
from gclbench.kernels.cache import trouble as cache_trouble
from gclbench.kernels.proofs import prove

try:
    from numba.core.bytecode import FunctionIdentity
except ImportError:  # a later numba has moved it: see `cache_notice`
    FunctionIdentity = None

Kernel = TypeVar("Kernel", bound=Callable[..., object])
_COUNTER = "_unique_ids"


def number_functions_from(first: int) -> bool:
    """Let numba number the functions it compiles from `first`; tell whether this numba does so.

    For the tests too: `number_functions_from(1)` is numba's own way.
    """
    if not isinstance(getattr(FunctionIdentity, _COUNTER, None), itertools.count):
        return False
    setattr(FunctionIdentity, _COUNTER, itertools.count(first))
    return bool(FunctionIdentity.from_function(number_functions_from).unique_id == first)


def _number_at_random() -> bool:
    return number_functions_from(1 + secrets.randbits(48))


SYMBOLS_ARE_UNIQUE = _number_at_random() and USABLE
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_number_at_random)


def cache_notice() -> str:
    """Why compiled kernels are not kept for the next process; '' where they are."""
    if not SYMBOLS_ARE_UNIQUE:
        return (
            f"kernels are compiled anew by each process: numba {numba.__version__} does not let "
            "their symbols be told apart."
        )
    reason = cache_trouble()
    return f"kernels are compiled anew by each process: {reason}" if reason else ""


def jit(function: Kernel) -> Kernel:
    """Return the compiled function; it frees the interpreter lock and never runs in parallel.

    Compiled or loaded for arguments of some types, a kernel of this package first answers the
    question of `gclbench.kernels.questions` that bears its name. Where the answer is wrong,
    KernelError is raised instead of the call, and the code is neither used nor kept.
    """
    return _compiled(function)


def jit_sum(function: Kernel) -> Kernel:
    """As `jit`, for a long sum whose terms may be added in the order the processor likes best."""
    return _compiled(function, fastmath={"reassoc", "contract"})


def _compiled(function: Any, **options: Any) -> Any:
    compiled = numba.njit(nogil=True, **options)(function)
    if numba.config.DISABLE_JIT:  # the plain function, for debuggers
        return compiled
    if SYMBOLS_ARE_UNIQUE:
        compiled._cache = KernelCache(function)
    add_overload = compiled.add_overload

    def prove_and_add(result: Any) -> None:
        """What numba calls, under its lock, before code for new types can be used by anybody."""
        prove(compiled, result)
        add_overload(result)

    compiled.add_overload = prove_and_add
    return compiled


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
