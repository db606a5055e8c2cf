"""Rules that choose whom a figure shows; nobody is chosen by hand. All return rows of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def spaced(items: Any, count: int) -> Any:
    """At most `count` evenly spaced items of a sequence, its first and last among them."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return items[places] if isinstance(items, np.ndarray) else [items[place] for place in places]


def spaced_people(pids: Rows, people: int) -> Rows:
    """The first image of each of `people` evenly spaced identities."""
    _, first = np.unique(pids, return_index=True)
    chosen: Rows = spaced(first, people)
    return chosen


def images_by_camera(pids: Rows, cams: Rows, people: int, inputs: int) -> list[Rows]:
    """For evenly spaced identities among those whom the most cameras saw: an image per camera.

    Of an identity's cameras `inputs` evenly spaced ones (fewer if there are fewer), of each the
    first image.
    """
    firsts = []
    for pid in np.unique(pids):
        own = np.flatnonzero(pids == pid)
        _, places = np.unique(cams[own], return_index=True)
        firsts.append(own[places])
    most = min(inputs, max(len(rows) for rows in firsts))
    return [spaced(rows, inputs) for rows in spaced([r for r in firsts if len(r) >= most], people)]


def tracklets(pids: Rows, cams: Rows, frames: Rows, people: int, length: int) -> list[Rows]:
    """Consecutive frames of evenly spaced identities, each in the camera with most images of it.

    All are equally long: `length`, or the most that `people` identities can fill. Of a longer
    series the first frames are taken.
    """
    longest = []
    for pid in np.unique(pids):
        own = np.flatnonzero(pids == pid)
        numbers, counts = np.unique(cams[own], return_counts=True)
        seen = own[cams[own] == numbers[counts.argmax()]]
        longest.append(seen[np.argsort(frames[seen], kind="stable")])
    return _equally_long(longest, people, length)


def longest_tracklets(pids: Rows, spans: Rows, people: int, length: int) -> list[Rows]:
    """Images of the longest tracklet (the first of equals) of evenly spaced identities.

    pids (N,) of tracklets, spans (N + 1,) as of `ImageTable`. All are equally long, as in
    `tracklets`.
    """
    longest = []
    for pid in np.unique(pids):
        own = np.flatnonzero(pids == pid)
        best = own[np.diff(spans)[own].argmax()]
        longest.append(np.arange(spans[best], spans[best + 1]))
    return _equally_long(longest, people, length)


def _equally_long(series: list[Rows], people: int, length: int) -> list[Rows]:
    lengths = sorted((len(rows) for rows in series), reverse=True)
    length = min(length, lengths[min(people, len(lengths)) - 1])
    return [rows[:length] for rows in spaced([r for r in series if len(r) >= length], people)]


def largest_by_person(values: NDArray[np.float64], pids: Rows, people: int) -> Rows:
    """Of each identity the image with the largest value, the identities with the largest first.

    NaN never wins: identities without a number are left out.
    """
    best = []
    for pid in np.unique(pids):
        own = np.flatnonzero((pids == pid) & ~np.isnan(values))
        if len(own):
            best.append(own[values[own].argmax()])
    rows = np.array(best, dtype=np.int64)
    order = np.argsort(-values[rows], kind="stable")[:people]
    return rows[order]
