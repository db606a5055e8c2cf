"""The contract of all executors (`gclbench.testing.executors` holds them to it)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gclbench.executors.events import EventSink, Outcome, Run
from gclbench.plan.node import Node


class Executor(Protocol):
    """Runs the nodes of a plan; it is handed a callable and knows nothing of stages."""

    def execute(
        self,
        plan_nodes: Sequence[Node],
        is_done: Callable[[Node], bool],
        run: Run,
        on_event: EventSink,
    ) -> dict[str, Outcome]:
        """Run every node that is not done, parents first, and return each node's outcome by key.

        `plan_nodes` stand in topological order; of several ready nodes the earlier one goes first.
        A parent outside of `plan_nodes` counts as done. A node that fails does not stop the
        others; its descendants are skipped. `run(node, sink)` may send NodeProgress to the sink
        and must be picklable (a function of a module, or functools.partial of one). `on_event` is
        called in the calling thread. KeyboardInterrupt stops everything and is not raised again:
        unfinished nodes are INTERRUPTED.
        """
        ...
