"""Compile a plain loop with numba, kept on disk where a folder is writable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def jit(function: Kernel) -> Kernel:
    """Return the compiled function; it frees the interpreter lock and never runs in parallel.

    Numba refuses `cache=True` where neither the package folder nor the user's cache is writable (a
    read-only install): there the kernel is compiled anew by each process.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(nogil=True)(function)  # type: ignore[no-any-return]
