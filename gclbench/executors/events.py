"""What an executor tells while it works, and what became of each node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from gclbench.plan.node import Node
from gclbench.schema import NodeRecord


class Outcome(StrEnum):
    """What became of a node: `SKIPPED` means that a parent failed."""

    REUSED = "REUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    INTERRUPTED = "INTERRUPTED"


@dataclass(frozen=True)
class NodeStarted:
    node: Node


@dataclass(frozen=True)
class NodeProgress:
    """`step` of `steps` in `epoch` of `epochs` (all counted from 1), with the latest losses."""

    key: str
    epoch: int
    epochs: int
    step: int
    steps: int
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class NodeMetric:
    """A metric that the node stored; `step` counts what the stage counts: epochs, from 1."""

    key: str
    name: str
    value: float
    step: int


@dataclass(frozen=True)
class NodeNotice:
    """Something that a user should know of a node that goes on, such as a damaged checkpoint."""

    key: str
    text: str


@dataclass(frozen=True)
class NodeFinished:
    """`record` is None for a node that was there from the start: its artifact was not opened."""

    node: Node
    record: NodeRecord | None
    seconds: float
    reused: bool = False


@dataclass(frozen=True)
class Found:
    """What a run returns for a node that another process had finished before it began."""

    record: NodeRecord


@dataclass(frozen=True)
class NodeFailed:
    """`error` is one line for the user, `kind` the error's class name, `trace` its traceback."""

    node: Node
    error: str
    kind: str = ""
    trace: str = ""


@dataclass(frozen=True)
class NodeSkipped:
    """The node did not run because `parent` (a key) failed or was skipped."""

    node: Node
    parent: str


class NodeStopped(KeyboardInterrupt):
    """Raised by an event sink to end the node that reports to it, without a failure.

    The run is tracked as INTERRUPTED and the node's checkpoints stay, so it can be taken up again.
    """


Event = (
    NodeStarted | NodeProgress | NodeMetric | NodeNotice | NodeFinished | NodeFailed | NodeSkipped
)
EventSink = Callable[[Event], None]
Run = Callable[[Node, EventSink], NodeRecord | Found]


def finished(node: Node, answer: NodeRecord | Found, seconds: float) -> NodeFinished:
    """The event for what a run has returned after `seconds`."""
    if isinstance(answer, Found):
        return NodeFinished(node, answer.record, 0.0, reused=True)
    return NodeFinished(node, answer, seconds)


def outcome_of(event: NodeFinished) -> Outcome:
    return Outcome.REUSED if event.reused else Outcome.COMPLETED
