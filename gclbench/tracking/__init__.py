"""Tracked runs: Sacred records each node that runs, in one SQL store.

Modules that import Sacred (`experiment`, `observer`) are not imported here: reading is light. The
names below are imported when they are first used, and SQLAlchemy with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gclbench.tracking.reader import Point, Reader, TrackedRun
    from gclbench.tracking.store import RequestedCell, RequestedStudy, RunStore, known_store

_HOMES = {
    "Point": "reader",
    "Reader": "reader",
    "RequestedCell": "store",
    "RequestedStudy": "store",
    "RunStore": "store",
    "TrackedRun": "reader",
    "known_store": "store",
}
__all__ = [
    "Point",
    "Reader",
    "RequestedCell",
    "RequestedStudy",
    "RunStore",
    "TrackedRun",
    "known_store",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gclbench.tracking' has no attribute '{name}'")
    return getattr(import_module(f"gclbench.tracking.{_HOMES[name]}"), name)
