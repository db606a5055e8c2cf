"""What is known of a run while it goes on: epochs, losses, time left, what was reused, rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gclbench.running.names import Names, fitted
from gclbench.screen import padded

if TYPE_CHECKING:
    from gclbench.plan import Cell, Node, Plan
    from gclbench.schema.record import Idle

SHOWN = ("mAP", "R1", "R5", "R10")
METRICS_SHOWN = 4
LINE_SECONDS = 10.0
WIDTH = 80  # of lines that go to no terminal
_LABEL = 30  # columns of a row's label, where it is no longer


@dataclass
class Running:
    """A stage run in the making."""

    label: str
    stage: str
    started: float
    share: float = 0.0
    text: str = "starting"
    metrics: tuple[str, ...] = ()


@dataclass
class Board:
    """What is known of a run, from its events alone.

    `nodes` are those that the run goes through, `clock` returns seconds, `kinds` are the
    class names of the errors so far. Lines of rows and epochs keep to `width` columns.
    """

    plan: Plan
    nodes: Mapping[str, Node]
    workers: int = 1
    clock: Callable[[], float] = time.monotonic
    names: Names = field(default_factory=Names)
    width: int = WIDTH
    done: int = 0
    reused: int = 0
    kinds: list[str] = field(default_factory=list)
    running: dict[str, Running] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.cells: dict[str, list[Cell]] = {}
        for cell in self.plan.cells:
            self.cells.setdefault(self.plan.evaluate_key(cell), []).append(cell)
        self._columns = [
            max((len(text) for text in column), default=0)
            for column in zip(*(self._words(cell) for cell in self.plan.cells), strict=True)
        ] or [0, 0]

    def name(self, key: str) -> str:
        """What a node is called."""
        return self.names.nodes.get(key, self.nodes[key].label)

    def start(self, key: str) -> None:
        self.running[key] = Running(self.name(key), self.nodes[key].stage.value, self.clock())

    def advance(
        self,
        key: str,
        epoch: int,
        epochs: int,
        step: int,
        steps: int,
        metrics: Mapping[str, float],
    ) -> None:
        """Take note of progress: `epoch` counts from 1, `step` of `steps` within it."""
        if key not in self.running:
            self.start(key)
        run = self.running[key]
        within = step / steps if steps else 1.0
        run.share = min(1.0, max(0.0, (epoch - 1 + within) / epochs)) if epochs else 0.0
        known = list(metrics.items())[:METRICS_SHOWN]
        run.metrics = tuple(f"{name} {value:.3g}" for name, value in known)
        run.text = f"epoch {epoch}/{epochs}"

    def finish(self, key: str, seconds: float, reused: bool) -> None:
        self.running.pop(key, None)
        self.ended.add(key)
        if reused:
            self.reused += 1
        else:
            self.done += 1
            self.seconds.setdefault(self.nodes[key].stage.value, []).append(seconds)

    def fail(self, key: str, kind: str) -> None:
        self.running.pop(key, None)
        self.ended.add(key)
        self.kinds.append(kind)

    def rows(
        self,
        key: str,
        metrics: Mapping[str, float],
        idle: Sequence[Idle] = (),
        mark: str = "",
    ) -> list[str]:
        """Lines for the cells whose scores (0-100) this node holds; none for other nodes.

        Where one of the `idle` stages took no step, that is said: the scores are not the row's.
        Metrics that do not fit into the width are left out, the last ones first.
        """
        if not metrics:
            return []
        from gclbench.reporting.damaged import DAMAGED
        from gclbench.reporting.untrained import MARK, reasons
        from gclbench.schema.plausible import impossible

        shown = [f"{name} {metrics[name]:5.1f}" for name in SHOWN if name in metrics]
        if impossible(metrics):  # another process has stored it
            shown = [DAMAGED]
        elif why := reasons(idle):
            mark = f"  {MARK} {why}{mark}"
        return [
            fitted(self._head(cell), shown, self.width, mark) for cell in self.cells.get(key, ())
        ]

    def _head(self, cell: Cell) -> str:
        words = zip(self._words(cell), self._columns, strict=True)
        row, data = (padded(text, min(width, _LABEL)) for text, width in words)
        return f"{row}  {data}  seed {cell.seed}"

    def _words(self, cell: Cell) -> tuple[str, str]:
        return cell.row.label, self.names.cell(cell)

    def epoch_line(self, key: str) -> str:
        """Where a running stage is, in one line."""
        run = self.running[key]
        parts = [part for part in (run.text, self.node_left(key), *run.metrics) if part]
        return fitted(f"       {run.label}", parts, self.width)

    @property
    def left(self) -> float | None:
        """Seconds left, from the mean of finished stage runs; None before anything is known.

        A stage of which none has finished is reckoned from its running ones, or like the mean of
        the others.
        """
        known = {stage: sum(times) / len(times) for stage, times in self.seconds.items()}
        now = self.clock()
        for run in self.running.values():
            if run.stage not in known and run.share > 0.02:
                known[run.stage] = (now - run.started) / run.share
        if not known:
            return None
        typical = sum(known.values()) / len(known)
        total = 0.0
        for key, node in self.nodes.items():
            if key in self.ended:
                continue
            share = self.running[key].share if key in self.running else 0.0
            total += known.get(node.stage.value, typical) * (1.0 - share)
        return total / max(1, self.workers)

    @property
    def headline(self) -> str:
        parts = [f"{len(self.ended)}/{len(self.nodes)} stage runs", f"{self.reused} reused"]
        if self.kinds:
            parts.append(f"{len(self.kinds)} failed")
        return ", ".join([*parts, self.time_left])

    @property
    def time_left(self) -> str:
        left = self.left
        return "time left unknown yet" if left is None else f"about {duration(left)} left"

    def node_left(self, key: str) -> str:
        run = self.running[key]
        if run.share < 0.02:
            return ""
        elapsed = self.clock() - run.started
        return f"{duration(elapsed / run.share * (1.0 - run.share))} left"


def duration(seconds: float) -> str:
    """5 s, 2 min 10 s, 1 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
