"""Which node may run next, and what a failure means for those behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gclbench.executors.events import EventSink, NodeFinished, NodeSkipped, Outcome
from gclbench.plan.node import Node

_GOOD = (Outcome.REUSED, Outcome.COMPLETED)


class Schedule:
    """The state of one `execute` call: outcomes so far, and nodes that wait, in plan order."""

    def __init__(self, nodes: Sequence[Node], on_event: EventSink) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._waiting = {node.key: node for node in nodes}
        self._keys = [node.key for node in nodes]
        self._on_event = on_event

    @property
    def waiting(self) -> int:
        """The number of nodes that are neither settled nor taken."""
        return len(self._waiting)

    def reuse(self, is_done: Callable[[Node], bool]) -> None:
        """Settle all nodes that are done already, whatever became of their parents."""
        for node in list(self._waiting.values()):
            if is_done(node):
                del self._waiting[node.key]
                self.outcomes[node.key] = Outcome.REUSED
                self._on_event(NodeFinished(node, None, 0.0, reused=True))

    def take(self) -> Node | None:
        """Return the first node whose parents are all finished, or None when none is ready."""
        for node in self._waiting.values():
            if all(self._ready(parent) for parent in node.parents.values()):
                del self._waiting[node.key]
                return node
        return None

    def settle(self, node: Node, outcome: Outcome) -> None:
        """Note what became of a taken node; after a failure its descendants are skipped."""
        self.outcomes[node.key] = outcome
        if outcome not in _GOOD:
            self._skip_behind()

    def interrupt(self) -> None:
        """Mark every node that is not settled as interrupted."""
        self._waiting.clear()
        for key in self._keys:
            self.outcomes.setdefault(key, Outcome.INTERRUPTED)

    def _ready(self, parent: str) -> bool:
        return parent not in self._keys or self.outcomes.get(parent) in _GOOD

    def _skip_behind(self) -> None:
        # Nodes stand parents first, so one pass reaches every descendant.
        for node in list(self._waiting.values()):
            for parent in node.parents.values():
                outcome = self.outcomes.get(parent)
                if outcome in (Outcome.FAILED, Outcome.SKIPPED):
                    del self._waiting[node.key]
                    self.outcomes[node.key] = Outcome.SKIPPED
                    self._on_event(NodeSkipped(node, parent))
                    break
