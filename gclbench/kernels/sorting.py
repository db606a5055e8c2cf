"""Sorting and selection of short lists for compiled loops.

Numba builds NumPy's sort, argsort and partition from nested functions of one name; loops of our
own, one top-level function each, have one body under each name (docs/kernels.md says why that
matters). Values must not be NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.kernels.jit import jit

_SHORT = 16  # so few are sorted by insertion


@jit
def sort(values: NDArray[Any]) -> None:
    """Sort a list in place, ascending: quicksort by medians of three, the smaller side first."""
    low, high = 0, len(values) - 1
    waiting, held = np.empty((64, 2), np.int64), 0  # the longer sides: each at most half the last
    while True:
        while high - low >= _SHORT:
            cut = _split(values, low, high)
            if cut - low < high - cut:
                waiting[held, 0], waiting[held, 1] = cut + 1, high
                high = cut
            else:
                waiting[held, 0], waiting[held, 1] = low, cut
                low = cut + 1
            held += 1
        _insert(values, low, high)
        if held == 0:
            return
        held -= 1
        low, high = waiting[held, 0], waiting[held, 1]


@jit
def smallest_at(values: NDArray[Any], place: int) -> Any:
    """Return what stands at `place` of the sorted list; `values` is left in another order."""
    low, high = 0, len(values) - 1
    while high - low >= _SHORT:
        cut = _split(values, low, high)
        if place <= cut:
            high = cut
        else:
            low = cut + 1
    _insert(values, low, high)
    return values[place]


@jit
def _insert(values: NDArray[Any], low: int, high: int) -> None:
    for i in range(low + 1, high + 1):
        value, j = values[i], i - 1
        while j >= low and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value


@jit
def _split(values: NDArray[Any], low: int, high: int) -> int:
    """Hoare's partition: afterwards values[low:cut + 1] <= values[cut + 1:high + 1]."""
    middle = (low + high) // 2
    a, b, c = values[low], values[middle], values[high]
    pivot = max(min(a, b), min(max(a, b), c))
    i, j = low - 1, high + 1
    while True:
        i += 1
        while values[i] < pivot:
            i += 1
        j -= 1
        while values[j] > pivot:
            j -= 1
        if i >= j:
            return j
        values[i], values[j] = values[j], values[i]
