"""A worker: it takes one trial after the other until the search is done."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from gclbench.executors.events import NodeStopped
from gclbench.executors.failure import describe
from gclbench.executors.worker import follow_parent, ignore_terminal, print_to
from gclbench.search.board import Board, Turn
from gclbench.search.trial import Objective, Report, run_trial
from gclbench.search.tuning import Tuning, open_board

if TYPE_CHECKING:
    from optuna.trial import Trial

POLL_S = 1.0


def _nothing() -> None:
    """Nobody wants to know."""


def work(
    tuning: Tuning,
    objective: Objective = run_trial,
    after: Callable[[], None] = _nothing,
    poll_s: float = POLL_S,
) -> None:
    """Run trials until the goal is reached; `after` is called when one has ended.

    Near the end it waits for the trials of others: one of them may die and be tried again here.
    KeyboardInterrupt gives the trial at hand back and passes through.
    """
    board = open_board(tuning)
    while True:
        claimed = board.claim(tuning.goal)
        if claimed is Turn.DONE:
            return
        if claimed is Turn.WAIT:
            time.sleep(poll_s)
        else:
            attempt(board, claimed, tuning, objective)
        after()


def attempt(board: Board, trial: Trial, tuning: Tuning, objective: Objective) -> None:
    """Run one trial and tell the board how it ended."""
    started = time.monotonic()
    try:
        with board.heartbeat(trial):
            measured = objective(tuning, trial.params, _reporter(board, trial))
    except NodeStopped:
        board.prune(trial, {"seconds": time.monotonic() - started})
    except KeyboardInterrupt:
        board.release(trial)
        raise
    except Exception as error:
        text, kind, _ = describe(error)
        board.fail(trial, text, kind)
    else:
        values = [float(measured.values[name]) for name in board.search.objectives]
        board.complete(trial, values, measured.notes)


def _reporter(board: Board, trial: Trial) -> Report:
    """Tell Optuna of each epoch and ask whether the trial is worth going on with."""
    known = set(board.trials()[trial.number].intermediate_values)

    def report(epoch: int, score: float) -> bool:
        if len(board.search.objectives) > 1:
            return False
        if epoch not in known:  # a trial that is tried again has told of its first epochs
            trial.report(score, epoch)
            known.add(epoch)
        return trial.should_prune()

    return report


def serve(tuning: Tuning, objective: Objective, log: Path) -> None:
    """The life of a worker process: quiet, deaf to Ctrl-C, and not longer than its parent's.

    SIGTERM, by which the parent ends it, interrupts the trial at hand.
    """
    ignore_terminal()
    signal.signal(signal.SIGTERM, _interrupt)
    print_to(log)
    threading.Thread(target=follow_parent, daemon=True).start()
    try:
        work(tuning, objective)
    except KeyboardInterrupt:
        return


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt("SIGTERM")
