"""Executors: they run a plan's nodes somewhere, handed a callable, never a stage."""

from gclbench.executors.base import Executor
from gclbench.executors.events import (
    Event,
    EventSink,
    Found,
    NodeFailed,
    NodeFinished,
    NodeMetric,
    NodeNotice,
    NodeProgress,
    NodeSkipped,
    NodeStarted,
    NodeStopped,
    Outcome,
    Run,
)
from gclbench.executors.inline import InlineExecutor
from gclbench.executors.local import LocalExecutor

__all__ = [
    "Event",
    "EventSink",
    "Executor",
    "Found",
    "InlineExecutor",
    "LocalExecutor",
    "NodeFailed",
    "NodeFinished",
    "NodeMetric",
    "NodeNotice",
    "NodeProgress",
    "NodeSkipped",
    "NodeStarted",
    "NodeStopped",
    "Outcome",
    "Run",
]
