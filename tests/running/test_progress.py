"""The board behind the progress display, and what its displays print."""

from __future__ import annotations

import errno
import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from gclbench.executors.events import (
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodeSkipped,
    NodeStarted,
)
from gclbench.plan import Node
from gclbench.running.display import Display, PlainDisplay, _bars, teller, watch
from gclbench.running.names import Names, names_of
from gclbench.running.progress import LINE_SECONDS, Board, duration
from gclbench.schema import Stage


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


NODES = [
    Node(Stage.WARMUP, "w1", 0, "warmup market", {}),
    Node(Stage.WARMUP, "w2", 0, "warmup duke", {}),
    Node(Stage.EVALUATE, "e1", 0, "evaluate market", {}),
]
CELL = SimpleNamespace(
    row=SimpleNamespace(label="Baseline"),
    task=SimpleNamespace(name="m", label="Market", target="market1501", source=None),
    seed=0,
    key="e1",
)
PLAN: Any = SimpleNamespace(
    nodes=NODES,
    cells=(CELL,),
    evaluate_key=lambda cell: cell.key,
    chain=lambda cell: ("w1", "e1"),
    needed=lambda has: [node for node in NODES if not has(node)],
)
OPENED: Any = SimpleNamespace(
    plan=PLAN,
    cells=(CELL,),
    data_label=lambda task: "synthetic_market1501",
    workers=1,
    artifacts=SimpleNamespace(has=lambda node: False),
    needed=lambda: tuple(NODES),
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(PLAN, {node.key: node for node in NODES}, 1, clock)


def finished(node: Node, seconds: float = 10.0, **metrics: float) -> NodeFinished:
    return NodeFinished(node, node.record(metrics=metrics, seconds=seconds), seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (130, "2 min 10 s"), (3900, "1 h 05 min")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_time_left_is_unknown_before_anything_is_known(board: Board) -> None:
    assert board.left is None
    assert "unknown" in board.headline


def test_time_left_comes_from_the_mean_of_finished_runs(board: Board) -> None:
    board.start("w1")
    board.finish("w1", 10.0, reused=False)
    assert board.left == pytest.approx(20.0)  # another warm-up, and an evaluation like the mean
    board.workers = 2
    assert board.left == pytest.approx(10.0)


def test_time_left_of_a_running_stage_follows_its_share(board: Board, clock: Clock) -> None:
    board.start("w1")
    clock.now = 5.0
    board.advance("w1", 1, 4, 10, 10, {"loss": 1.5})
    assert board.node_left("w1") == "15 s left"
    assert board.epoch_line("w1") == "       warmup market  epoch 1/4  15 s left  loss 1.5"


def test_reused_runs_do_not_enter_the_mean(board: Board) -> None:
    board.finish("w1", 0.0, reused=True)
    assert board.left is None
    assert "1/3 stage runs, 1 reused" in board.headline


def test_a_finished_evaluation_prints_its_row(board: Board) -> None:
    said: list[str] = []
    display = Display(board, said.append, lambda: None)
    display(NodeStarted(NODES[2]))
    display(finished(NODES[2], mAP=61.25, R1=80.0))
    assert len(said) == 1
    assert said[0].split() == ["Baseline", "Market", "seed", "0", "mAP", "61.2", "R1", "80.0"]


def test_failures_and_skipped_runs_count_as_ended(board: Board) -> None:
    said: list[str] = []
    display = Display(board, said.append, lambda: None)
    display(NodeStarted(NODES[0]))
    display(NodeFailed(NODES[0], "the loss is not finite.", "TrainingError"))
    display(NodeSkipped(NODES[2], "w1"))
    assert said == ["failed warmup market: the loss is not finite."]
    assert board.kinds == ["TrainingError"]
    assert board.headline.startswith("2/3 stage runs, 0 reused, 1 failed")


def test_plain_lines_come_once_per_epoch_and_not_too_often(board: Board, clock: Clock) -> None:
    said: list[str] = []
    display = PlainDisplay(board, said.append)
    display(NodeStarted(NODES[0]))
    for second in range(30):
        clock.now = float(second)
        epoch = 1 + second // 5
        display(NodeProgress("w1", epoch, 6, second % 5 + 1, 5, {"loss": 2.0}))
    display(finished(NODES[0], 30.0))
    assert said[0].startswith("start  warmup market")
    assert said[-1] == "done   warmup market  (30 s)"
    lines = [line for line in said if "epoch" in line]
    assert 1 < len(lines) <= 30 / LINE_SECONDS + 1


def test_a_pipe_gets_plain_lines_and_a_terminal_bars() -> None:
    with watch(OPENED, Console(force_terminal=False)) as display:
        assert isinstance(display, PlainDisplay)
    dumb = {"TERM": "dumb"}
    with watch(OPENED, Console(force_terminal=True, _environ=dumb, quiet=True)) as display:
        assert isinstance(display, PlainDisplay)
    with (
        Console(force_terminal=True, width=120).capture(),
        watch(OPENED, Console(force_terminal=True, width=120, quiet=True)) as display,
    ):
        display(NodeStarted(NODES[0]))
        display(NodeProgress("w1", 1, 2, 1, 2, {"loss": 1.0}))
        assert not isinstance(display, PlainDisplay)
        assert display.board.running["w1"].share == pytest.approx(0.25)


def test_numbers_that_cannot_be_are_not_printed_for_a_finished_row() -> None:
    board = Board(PLAN, {node.key: node for node in NODES})
    assert board.rows("e1", {"mAP": 40.0, "R1": 60.0})[0].endswith("mAP  40.0  R1  60.0")
    (line,) = board.rows("e1", {"mAP": 112.3, "R1": 60.0})
    assert line.endswith("seed 0  damaged")


def drawn(width: int, height: int, names: Names) -> list[str]:
    """The lines of the bars with three jobs, in a terminal of this size."""
    nodes = {node.key: node for node in NODES}
    board = Board(PLAN, nodes, 3, Clock(), names)
    for node in NODES:
        board.start(node.key)
        board.advance(node.key, 3, 10, 1, 2, {"loss": 1.5, "l_vi_prime": 2.5, "recon_x": 1.0})
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, height=height, no_color=True)
    console.print(_bars(board, console))
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()]


LONG = Names(
    {node.key: f"joint rotation_dmixup sDuke→sMarket seed {i}" for i, node in enumerate(NODES)}
)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_job_takes_two_lines_of_a_narrow_terminal_and_no_line_is_wider(width: int) -> None:
    lines = drawn(width, 24, LONG)
    assert len(lines) == 1 + 2 * len(NODES)
    assert max(map(len, lines)) <= width
    assert lines[1].startswith("joint rotation_dmixup sDuke→sMarket"[: width - 1])
    assert "epoch 3/10" in lines[2]


def test_a_job_takes_one_line_where_there_is_room_or_little_height() -> None:
    assert len(drawn(140, 24, LONG)) == 1 + len(NODES)
    low = drawn(80, 6, LONG)
    assert len(low) == 1 + len(NODES)
    assert max(map(len, low)) <= 80
    assert all("epoch 3/10" in line for line in low[1:])


def test_bars_are_plain_where_there_is_no_utf8() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    console = Console(file=out, force_terminal=True, width=60, height=24)
    board = Board(PLAN, {node.key: node for node in NODES}, 1, Clock(), LONG)
    board.start("w1")
    console.print(_bars(board, console))
    teller(console)("note   sDuke→sMarket …")
    out.flush()
    assert b"sDuke->sMarket ..." in out.buffer.getvalue()


def test_metrics_that_do_not_fit_are_left_out_and_the_mark_is_kept() -> None:
    board = Board(PLAN, {node.key: node for node in NODES}, width=50)
    (line,) = board.rows("e1", {"mAP": 40.0, "R1": 60.0, "R5": 70.0}, mark="  (reused)")
    assert line == "Baseline  Market  seed 0  mAP  40.0  (reused)"


def test_names_say_which_twin_a_node_works_on() -> None:
    lines: list[str] = []
    board = Board(PLAN, {node.key: node for node in NODES}, names=names_of(OPENED))
    Display(board, lines.append, lambda: None)(finished(NODES[2], mAP=61.25))
    assert lines[0].startswith("Baseline  sMarket  seed 0")


def test_lines_that_nobody_can_read_end_no_run() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    teller(Console(file=Full()))("start  x")
