"""Tracked runs: Sacred records each node that runs, in one SQL store.

Modules that import Sacred (`experiment`, `observer`) are not imported here: reading is light.
"""

from gclbench.tracking.reader import Point, Reader, TrackedRun
from gclbench.tracking.store import RequestedCell, RequestedStudy, RunStore, known_store

__all__ = [
    "Point",
    "Reader",
    "RequestedCell",
    "RequestedStudy",
    "RunStore",
    "TrackedRun",
    "known_store",
]
