"""Live progress: which stage runs, epoch, losses, time left, what was reused, rows as they finish.

In a terminal a block of bars moves at the bottom; elsewhere the same facts come as plain lines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from gclbench.running.sound import make_sound
from gclbench.screen import padded, say
from gclbench.shown_text import one_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from gclbench.plan import Cell, Node, Plan
    from gclbench.schema import NodeRecord
    from gclbench.schema.record import Idle
    from gclbench.study.opened import OpenStudy

SHOWN = ("mAP", "R1", "R5", "R10")
METRICS_SHOWN = 4
LINE_SECONDS = 10.0


@dataclass
class Running:
    """A stage run in the making."""

    label: str
    stage: str
    started: float
    share: float = 0.0
    text: str = "starting"


@dataclass
class Board:
    """What is known of a run, from its events alone.

    `nodes` are those that the run goes through, `clock` returns seconds, `kinds` are the
    class names of the errors so far.
    """

    plan: Plan
    nodes: Mapping[str, Node]
    workers: int = 1
    clock: Callable[[], float] = time.monotonic
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

    def start(self, key: str) -> str:
        node = self.nodes[key]
        self.running[key] = Running(node.label, node.stage.value, self.clock())
        return f"start  {node.label}"

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
        run = self.running.setdefault(
            key, Running(self.nodes[key].label, self.nodes[key].stage.value, self.clock())
        )
        within = step / steps if steps else 1.0
        run.share = min(1.0, max(0.0, (epoch - 1 + within) / epochs)) if epochs else 0.0
        shown = [f"{name} {value:.3g}" for name, value in list(metrics.items())[:METRICS_SHOWN]]
        run.text = "  ".join([f"epoch {epoch}/{epochs}", *shown])

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

    def rows(self, key: str, metrics: Mapping[str, float], idle: Sequence[Idle] = ()) -> list[str]:
        """Lines for the cells whose scores (0-100) this node holds; none for other nodes.

        Where one of the `idle` stages took no step, that is said: the scores are not the row's.
        """
        if not metrics:
            return []
        from gclbench.reporting.damaged import DAMAGED
        from gclbench.reporting.untrained import MARK, reasons
        from gclbench.schema.plausible import impossible

        shown = "  ".join(f"{name} {metrics[name]:5.1f}" for name in SHOWN if name in metrics)
        if impossible(metrics):  # another process has stored it
            shown = DAMAGED
        elif why := reasons(idle):
            shown = f"{shown}  {MARK} {why}"
        return [
            f"{padded(cell.row.label, 32)} {padded(cell.task.label, 14)} seed {cell.seed}  {shown}"
            for cell in self.cells.get(key, ())
        ]

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
        left = self.left
        parts = [f"{len(self.ended)}/{len(self.nodes)} stage runs", f"{self.reused} reused"]
        if self.kinds:
            parts.append(f"{len(self.kinds)} failed")
        parts.append("time left unknown yet" if left is None else f"about {duration(left)} left")
        return ", ".join(parts)

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


class Display:
    """Takes executor events, keeps the board, and prints. Call it with each event."""

    def __init__(self, board: Board, say: Callable[[str], None], refresh: Callable[[], None]):
        self.board, self.say, self.refresh = board, say, refresh

    def __call__(self, event: Any) -> None:
        from gclbench.executors.events import (
            NodeFailed,
            NodeFinished,
            NodeNotice,
            NodeProgress,
            NodeSkipped,
            NodeStarted,
        )

        board = self.board
        if isinstance(event, NodeStarted):
            board.start(event.node.key)
            self.started(event.node.key)
        elif isinstance(event, NodeProgress):
            board.advance(
                event.key, event.epoch, event.epochs, event.step, event.steps, event.metrics
            )
            self.progressed(event.key, event.epoch)
        elif isinstance(event, NodeNotice):
            self.say(f"note   {board.nodes[event.key].label}: {event.text}")
        elif isinstance(event, NodeFinished):
            board.finish(event.node.key, event.seconds, event.reused)
            self.finished(event.node.key, event.seconds, event.reused, event.record)
        elif isinstance(event, NodeFailed):
            board.fail(event.node.key, event.kind)
            self.say(f"failed {event.node.label}: {event.error}")
        elif isinstance(event, NodeSkipped):
            board.ended.add(event.node.key)
        self.refresh()

    def started(self, key: str) -> None:
        """Nothing to print where bars show it."""

    def progressed(self, key: str, epoch: int) -> None:
        """Nothing to print where bars show it."""

    def finished(self, key: str, seconds: float, reused: bool, record: NodeRecord | None) -> None:
        metrics, idle = (record.metrics, record.idle or ()) if record is not None else ({}, ())
        for line in self.board.rows(key, metrics, idle):
            self.say(f"{line}{'  (reused)' if reused else ''}")


class PlainDisplay(Display):
    """One line per start, per epoch (at most one in `LINE_SECONDS` for a stage run), per end."""

    def __init__(self, board: Board, say: Callable[[str], None]):
        super().__init__(board, say, lambda: None)
        self.said: dict[str, tuple[int, float]] = {}

    def started(self, key: str) -> None:
        self.say(f"start  {self.board.nodes[key].label}  ({self.board.headline})")

    def progressed(self, key: str, epoch: int) -> None:
        last, when = self.said.get(key, (0, float("-inf")))
        now = self.board.clock()
        if epoch == last or now - when < LINE_SECONDS:
            return
        self.said[key] = (epoch, now)
        run = self.board.running[key]
        left = self.board.node_left(key)
        self.say("  ".join(part for part in (f"       {run.label}", run.text, left) if part))

    def finished(self, key: str, seconds: float, reused: bool, record: NodeRecord | None) -> None:
        if not reused:
            self.say(f"done   {self.board.nodes[key].label}  ({duration(seconds)})")
        super().finished(key, seconds, reused, record)


@contextmanager
def watch(opened: OpenStudy, console: Console) -> Iterator[Display]:
    """Give a display for a run of a study: live bars in a terminal, plain lines elsewhere."""
    write = partial(say, console)
    make_sound(opened, lambda node, text: write(f"note   {node.label}: {text}"))
    nodes = {node.key: node for node in opened.needed()}
    board = Board(opened.plan, nodes, opened.workers)
    if not console.is_terminal:
        yield PlainDisplay(board, write)
        return
    from rich.live import Live

    with Live(console=console, refresh_per_second=4, transient=True) as live:
        display = Display(board, write, lambda: live.update(_bars(board)))
        yield display


def _bars(board: Board) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    for key in _ordered(board):
        run = board.running[key]
        bar = ProgressBar(total=1.0, completed=run.share, width=24)
        text = Text(one_line(run.text))
        table.add_row(Text(one_line(run.label)), bar, text, board.node_left(key))
    return Group(Text(board.headline, style="bold"), table)


def _ordered(board: Board) -> Sequence[str]:
    return [key for key in board.nodes if key in board.running]
