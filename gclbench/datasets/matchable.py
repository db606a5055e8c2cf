"""Queries that can be answered: somebody of theirs in the gallery, seen by another camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.base import ImageTable
from gclbench.errors import DataMissingError


def unmatched(query: ImageTable, gallery: ImageTable) -> NDArray[np.int64]:
    """Return the rows of queries that no gallery sample of another camera shares the identity of.

    The protocol skips them; where all are, there is nothing to measure. Junk (pid -1) matches
    nobody.
    """
    cams = _cameras(gallery)
    pairs = zip(query.pids.tolist(), query.cams.tolist(), strict=True)
    rows = [row for row, (pid, cam) in enumerate(pairs) if not cams.get(pid, set()) - {cam}]
    return np.array(rows, dtype=np.int64)


def _cameras(gallery: ImageTable) -> dict[int, set[int]]:
    """Who is in the gallery, and the cameras that saw them."""
    found: dict[int, set[int]] = {}
    for pid, cam in set(zip(gallery.pids.tolist(), gallery.cams.tolist(), strict=True)):
        if pid >= 0:
            found.setdefault(pid, set()).add(cam)
    return found


def told(query: ImageTable, gallery: ImageTable) -> str:
    """Say how many of how many queries cannot be answered; "" where all can."""
    count = len(unmatched(query, gallery))
    what = "image" if gallery.starts is None else "tracklet"
    return (
        f"{count} of {len(query)} queries have no {what} of their identity under another camera "
        "in the gallery"
        if count
        else ""
    )


def require_matches(label: str, query: ImageTable, gallery: ImageTable) -> None:
    """Raise DataMissingError where no query at all can be answered."""
    if len(unmatched(query, gallery)) == len(query):
        raise DataMissingError(
            f"nothing could be measured on {label}: {told(query, gallery)}.",
            "Cameras are read from the file names (_c1, _c2, ...): people must be seen by two "
            "cameras, and one of them be in the gallery.",
        )
