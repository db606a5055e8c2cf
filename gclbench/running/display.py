"""Live progress on stderr: in a terminal bars that move at the bottom, elsewhere plain lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from gclbench.plain_text import plain
from gclbench.running.names import fitted, names_of
from gclbench.running.progress import LINE_SECONDS, WIDTH, Board, duration
from gclbench.running.sound import make_sound
from gclbench.shown_text import one_line, shown

if TYPE_CHECKING:
    from rich.console import Console, OverflowMethod, RenderableType
    from rich.text import Text

    from gclbench.schema import NodeRecord
    from gclbench.study.opened import OpenStudy

_BAR = 16
_WIDE = 110


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
            self.say(f"note   {board.name(event.key)}: {event.text}")
        elif isinstance(event, NodeFinished):
            board.finish(event.node.key, event.seconds, event.reused)
            self.finished(event.node.key, event.seconds, event.reused, event.record)
        elif isinstance(event, NodeFailed):
            board.fail(event.node.key, event.kind)
            self.say(f"failed {board.name(event.node.key)}: {event.error}")
        elif isinstance(event, NodeSkipped):
            board.ended.add(event.node.key)
        self.refresh()

    def started(self, key: str) -> None:
        """Nothing to print where bars show it."""

    def progressed(self, key: str, epoch: int) -> None:
        """Nothing to print where bars show it."""

    def finished(self, key: str, seconds: float, reused: bool, record: NodeRecord | None) -> None:
        metrics, idle = (record.metrics, record.idle or ()) if record is not None else ({}, ())
        for line in self.board.rows(key, metrics, idle, "  (reused)" if reused else ""):
            self.say(line)


class PlainDisplay(Display):
    """One line per start, per epoch (at most one in `LINE_SECONDS` for a stage run), per end."""

    def __init__(self, board: Board, say: Callable[[str], None]):
        super().__init__(board, say, lambda: None)
        self.said: dict[str, tuple[int, float]] = {}

    def started(self, key: str) -> None:
        board = self.board
        done = f"{len(board.ended)}/{len(board.nodes)} done"
        self.say(fitted(f"start  {board.name(key)}", [done, board.time_left], board.width))

    def progressed(self, key: str, epoch: int) -> None:
        last, when = self.said.get(key, (0, float("-inf")))
        now = self.board.clock()
        if epoch == last or now - when < LINE_SECONDS:
            return
        self.said[key] = (epoch, now)
        self.say(self.board.epoch_line(key))

    def finished(self, key: str, seconds: float, reused: bool, record: NodeRecord | None) -> None:
        if not reused:
            self.say(f"done   {self.board.name(key)}  ({duration(seconds)})")
        super().finished(key, seconds, reused, record)


@contextmanager
def watch(opened: OpenStudy, console: Console) -> Iterator[Display]:
    """Give a display for a run of a study: live bars in a terminal, plain lines elsewhere."""
    names = names_of(opened)
    say = teller(console)
    make_sound(opened, lambda node, text: say(f"note   {names.nodes[node.key]}: {text}"))
    nodes = {node.key: node for node in opened.needed()}
    width = console.width if console.is_terminal else WIDTH
    board = Board(opened.plan, nodes, opened.workers, names=names, width=width)
    if names.legend and not all(map(opened.artifacts.has, nodes.values())):
        say(f"names  {names.legend}")
    if not console.is_interactive:
        yield PlainDisplay(board, say)
        return
    from rich.live import Live

    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield Display(board, say, lambda: live.update(_bars(board, console)))


def teller(console: Console) -> Callable[[str], None]:
    """Give what prints lines: broken between words in a terminal, and lost where nobody reads."""
    from gclbench.reporting.render.terminal import wrapped

    def say(line: str) -> None:
        text = plain(shown(line), console.encoding)
        parts = wrapped(text, console.width if console.is_terminal else None, " " * 7)
        with suppress(OSError, ValueError):  # stderr is full, or closed
            console.print("\n".join(parts), markup=False, highlight=False, soft_wrap=True)

    return say


def _bars(board: Board, console: Console) -> RenderableType:
    """The headline and each job that runs: in one line where there is room, else in two."""
    from rich.console import Group

    jobs = [key for key in board.nodes if key in board.running]
    two = console.width < _WIDE and 2 * len(jobs) + 2 <= console.height
    lines: list[RenderableType] = [_line(board.headline, console, "bold")]
    for key in jobs:
        lines += _job(board, key, console, two=two)
    return Group(*lines)


def _job(board: Board, key: str, console: Console, *, two: bool) -> Sequence[RenderableType]:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    run = board.running[key]
    bar = ProgressBar(total=1.0, completed=run.share, width=_BAR)
    facts = [part for part in (board.node_left(key), *run.metrics) if part]
    beside = "" if two else plain(one_line(run.label), console.encoding)[: console.width // 2]
    room = console.width - _BAR - len(beside) - 4
    row = Table.grid(padding=(0, 1))
    row.add_row(beside, bar, _line(fitted(run.text, facts, room), console))
    return [_line(run.label, console), row] if two else [row]


def _line(text: str, console: Console, style: str = "") -> Text:
    """A line that is cut where the terminal ends."""
    from rich.text import Text

    # The sign for what was cut is three signs wide where there is no UTF-8.
    cut: OverflowMethod = "ellipsis" if console.encoding.startswith("utf") else "crop"
    return Text(plain(one_line(text), console.encoding), style, no_wrap=True, overflow=cut)
