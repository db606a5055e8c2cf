"""Nodes run one after the other in this process; a breakpoint works."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from gclbench.executors.events import (
    EventSink,
    NodeFailed,
    NodeStarted,
    Outcome,
    Run,
    finished,
    outcome_of,
)
from gclbench.executors.failure import describe
from gclbench.executors.schedule import Schedule
from gclbench.plan.node import Node


class InlineExecutor:
    """See `gclbench.executors.base.Executor`."""

    def execute(
        self,
        plan_nodes: Sequence[Node],
        is_done: Callable[[Node], bool],
        run: Run,
        on_event: EventSink,
    ) -> dict[str, Outcome]:
        schedule = Schedule(plan_nodes, on_event)
        try:
            schedule.reuse(is_done)
            while (node := schedule.take()) is not None:
                schedule.settle(node, _run_one(node, run, on_event))
        except KeyboardInterrupt:
            schedule.interrupt()
        return schedule.outcomes


def _run_one(node: Node, run: Run, on_event: EventSink) -> Outcome:
    on_event(NodeStarted(node))
    start = time.monotonic()
    try:
        answer = run(node, on_event)
    except Exception as error:
        on_event(NodeFailed(node, *describe(error)))
        return Outcome.FAILED
    event = finished(node, answer, time.monotonic() - start)
    on_event(event)
    return outcome_of(event)
