"""The loops behind `gclbench.kernels.ranking`: places of matches, AP, the nearest rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.kernels.jit import jit
from gclbench.kernels.sorting import sort

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FINE, NOT_FINITE, NOT_RISING = 0, 1, 2


@jit
def score_lists(
    start: int,
    stop: int,
    distances: NDArray[Any],
    offset: int,
    q_cams: Ints,
    begins: Ints,
    ends: Ints,
    members: Ints,
    g_cams: Ints,
    junk: Ints,
    step: bool,
    ap: Floats,
    inp: Floats,
    first: Ints,
    nearest: Ints,
    nearest_distances: Floats,
) -> int:
    """Fill the lists of queries offset + start to offset + stop; FINE, or why it stopped."""
    kept = np.empty_like(distances[0])
    found = np.empty(len(members), dtype=np.int64)
    for r in range(start, stop):
        q = offset + r
        if not _copy_finite(distances[r], kept):
            return NOT_FINITE
        n = _matches(q, kept, found, q_cams, begins, ends, members, g_cams, junk)
        _nearest(kept, nearest[q], nearest_distances[q])
        if n == 0:
            continue
        ranks = np.empty(n, dtype=np.int64)
        for m in range(n):
            ranks[m] = _place(kept, found[m])
        sort(ranks)
        for m in range(1, n):
            if ranks[m] <= ranks[m - 1]:
                return NOT_RISING
        first[q] = ranks[0]
        inp[q] = n / ranks[n - 1]
        ap[q] = _average_precision(ranks, step)
    return FINE


@jit
def grouped_precisions(
    start: int,
    stop: int,
    distances: NDArray[Any],
    offset: int,
    q_cams: Ints,
    begins: Ints,
    ends: Ints,
    members: Ints,
    g_cams: Ints,
    junk: Ints,
    ap: Floats,
) -> None:
    """Fill the AP of queries that have a match with equal distances taken as one place.

    Arguments as those of `score_lists`, whose lists must be filled before. Each match has the
    precision at the end of the items that are as far as it: where none are, this is the step rule.
    """
    kept = np.empty_like(distances[0])
    found = np.empty(len(members), dtype=np.int64)
    for r in range(start, stop):
        q = offset + r
        kept[:] = distances[r]
        n = _matches(q, kept, found, q_cams, begins, ends, members, g_cams, junk)
        total = 0.0
        for m in range(n):
            value, matches, items = kept[found[m]], 0, 0
            for other in range(n):
                matches += kept[found[other]] <= value
            for j in range(len(kept)):
                items += kept[j] <= value
            total += matches / items
        if n > 0:
            ap[q] = total / n


@jit
def _matches(
    q: int,
    kept: NDArray[Any],
    found: Ints,
    q_cams: Ints,
    begins: Ints,
    ends: Ints,
    members: Ints,
    g_cams: Ints,
    junk: Ints,
) -> int:
    """Put the matches of query q into `found`, ignored items out of reach; how many matches."""
    n = 0
    for m in range(begins[q], ends[q]):
        item = members[m]
        if g_cams[item] == q_cams[q]:
            kept[item] = np.inf
        else:
            found[n] = item
            n += 1
    for item in junk:
        kept[item] = np.inf
    return n


@jit
def _copy_finite(row: NDArray[Any], copy: NDArray[Any]) -> bool:
    strange = 0
    for j in range(len(row)):
        copy[j] = row[j]
        strange += not abs(row[j]) < np.inf
    return strange == 0


@jit
def _nearest(values: NDArray[Any], rows: Ints, distances: Floats) -> None:
    """The least finite values, ascending, equal ones by index, as far as `rows` reaches."""
    held, room = 0, len(rows)
    if room == 0:
        return
    for j in range(len(values)):
        value = values[j]
        if not value < np.inf or (held == room and not value < distances[room - 1]):
            continue
        place = held if held < room else room - 1
        while place > 0 and distances[place - 1] > value:
            distances[place], rows[place] = distances[place - 1], rows[place - 1]
            place -= 1
        distances[place], rows[place] = value, j
        held = min(held + 1, room)


@jit
def _place(values: NDArray[Any], item: int) -> int:
    """1-based place of an item among all; equal values by index."""
    value, before, behind = values[item], values[:item], values[item + 1 :]
    place = np.int32(1)  # 32 bits, and slices that start at 0: else this runs at a ninth the speed
    for j in range(len(before)):
        place = np.int32(place + (before[j] <= value))
    for j in range(len(behind)):
        place = np.int32(place + (behind[j] < value))
    return int(place)


@jit
def _average_precision(ranks: Ints, step: bool) -> float:
    total = 0.0
    for m in range(len(ranks)):
        rank = ranks[m]
        precision = (m + 1) / rank
        if not step:
            previous = m / (rank - 1) if rank > 1 else 1.0
            precision = 0.5 * (precision + previous)
        total += precision
    return total / len(ranks)
