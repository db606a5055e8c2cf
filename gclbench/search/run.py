"""A search from start to end: in this process, or in several that share it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING

from gclbench.errors import GclbenchError
from gclbench.executors.spawn import describe_end, start_process
from gclbench.scratch import scratch_folder
from gclbench.search.board import Board, failed, finished
from gclbench.search.trial import Objective, run_trial
from gclbench.search.tuning import Tuning, open_board
from gclbench.search.worker import serve, work

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

OnTrial = Callable[["FrozenTrial"], None]
_GRACE_S = 15.0
_LOOK_S = 0.5


def run_search(
    tuning: Tuning,
    on_trial: OnTrial,
    workers: int = 1,
    threads: int = 1,
    objective: Objective = run_trial,
) -> list[FrozenTrial]:
    """Run a started search to its goal and return all its trials.

    `on_trial` hears of every trial that is finished or has failed, those of earlier calls and of
    other hosts included, in the order in which they ended. With several workers each is a process
    of its own with `threads` numeric threads. Raises GclbenchError when workers keep dying before
    the goal is reached; KeyboardInterrupt ends them and passes through.
    """
    board = open_board(tuning)
    told = _Herald(board, on_trial)
    told()
    if workers == 1:
        work(tuning, objective, after=told)
    else:
        _in_processes(tuning, objective, workers, threads, told)
    told()
    return board.trials()


@dataclass
class _Herald:
    """Tells of trials that have ended since it was last called."""

    board: Board
    on_trial: OnTrial

    def __post_init__(self) -> None:
        self.known: set[int] = set()

    def __call__(self) -> None:
        ended = [trial for trial in self.board.trials() if finished(trial) or failed(trial)]
        for trial in sorted(ended, key=lambda t: (t.datetime_complete, t.number)):
            if trial.number not in self.known:
                self.known.add(trial.number)
                self.on_trial(trial)


@dataclass(frozen=True)
class _Worker:
    process: SpawnProcess
    log: Path


def _in_processes(
    tuning: Tuning, objective: Objective, workers: int, threads: int, told: Callable[[], None]
) -> None:
    with scratch_folder("gclbench-search-") as folder:
        made = 0

        def one_more() -> _Worker:
            nonlocal made
            made += 1
            log = folder / f"worker-{made}.log"
            return _Worker(start_process(serve, (tuning, objective, log), threads), log)

        crew = [one_more() for _ in range(workers)]
        try:
            while crew := [worker for worker in crew if worker.process.exitcode != 0]:
                for place, worker in enumerate(crew):
                    if worker.process.exitcode is not None:
                        _refuse_too_many(made - workers, workers, worker)
                        crew[place] = one_more()
                told()
                time.sleep(_LOOK_S)
        finally:
            _stop(crew)


def _refuse_too_many(replaced: int, workers: int, worker: _Worker) -> None:
    if replaced < 2 * workers:
        return
    raise GclbenchError(
        f"search workers keep dying: {describe_end(worker.process.exitcode, worker.log)}",
        "The same command goes on from here; try workers=1 to see the error.",
    )


def _stop(crew: list[_Worker]) -> None:
    """End what still runs: SIGTERM gives trials back, what does not end in time is killed."""
    for worker in crew:
        worker.process.terminate()
    limit = time.monotonic() + _GRACE_S
    for worker in crew:
        worker.process.join(max(limit - time.monotonic(), 0.1))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
