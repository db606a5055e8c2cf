"""Nodes run in worker processes of this machine.

Each worker is spawned once, keeps its imports, and has a pipe of its own: a worker that is killed
in the middle of a message can then neither block nor corrupt the others, as it could with a shared
queue.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from gclbench.errors import GclbenchError
from gclbench.executors.events import (
    EventSink,
    NodeFailed,
    NodeStarted,
    Outcome,
    Run,
    finished,
    outcome_of,
)
from gclbench.executors.schedule import Schedule
from gclbench.executors.spawn import describe_end, start_process
from gclbench.executors.worker import serve
from gclbench.plan.node import Node
from gclbench.redaction import redacted
from gclbench.scratch import scratch_folder


class LocalExecutor:
    """See `gclbench.executors.base.Executor`.

    `workers` processes run at most, each with `threads` numeric threads. A worker that dies fails
    its node only; another one takes its place. `grace_s` is how long workers may take to stop
    after an interrupt before they are killed.
    """

    def __init__(self, workers: int = 2, threads: int = 1, grace_s: float = 15.0) -> None:
        self.workers = max(workers, 1)
        self.threads = max(threads, 1)
        self.grace_s = grace_s

    def execute(
        self,
        plan_nodes: Sequence[Node],
        is_done: Callable[[Node], bool],
        run: Run,
        on_event: EventSink,
    ) -> dict[str, Outcome]:
        """Raises GclbenchError when `run` cannot be sent to another process."""
        _check_picklable(run)
        schedule = Schedule(plan_nodes, on_event)
        with scratch_folder("gclbench-workers-") as logs:
            pool = _Pool(self.workers, self.threads, run, logs)
            try:
                schedule.reuse(is_done)
                _drive(pool, schedule, on_event)
            except KeyboardInterrupt:
                schedule.interrupt()
            finally:
                pool.stop(self.grace_s)
        return schedule.outcomes


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: connection.Connection
    log: Path
    node: Node | None = None
    started: float = 0.0


class _Pool:
    """The worker processes; they are started when there is a node for them, not before."""

    def __init__(self, size: int, threads: int, run: Run, logs: Path) -> None:
        self.workers: list[_Worker] = []
        self._size, self._threads, self._run, self._logs = size, threads, run, logs
        self._number = 0

    @property
    def busy(self) -> list[_Worker]:
        return [worker for worker in self.workers if worker.node is not None]

    @property
    def full(self) -> bool:
        return len(self.busy) >= self._size

    def give(self, node: Node) -> None:
        """Hand a node to an idle worker, or to a new one."""
        for worker in [worker for worker in self.workers if worker.node is None]:
            try:
                worker.pipe.send(node)
            except OSError:
                self.remove(worker)  # it died while idle
                continue
            break
        else:
            worker = self._spawn()
            worker.pipe.send(node)
        worker.node, worker.started = node, time.monotonic()

    def _spawn(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        log = self._logs / f"worker-{self._number}.log"
        self._number += 1
        process = start_process(serve, (theirs, self._run, log), self._threads)
        theirs.close()
        worker = _Worker(process, ours, log)
        self.workers.append(worker)
        return worker

    def remove(self, worker: _Worker) -> str:
        """Forget a worker that died and return how it ended."""
        self.workers.remove(worker)
        worker.process.join(timeout=5)
        worker.pipe.close()
        return describe_end(worker.process.exitcode, worker.log)

    def stop(self, grace_s: float) -> None:
        """End all workers: idle ones see their pipe close, busy ones get SIGTERM."""
        for worker in self.workers:
            if worker.node is not None:
                worker.process.terminate()
            else:
                worker.pipe.close()
        limit = time.monotonic() + grace_s
        for worker in self.workers:
            _drain_until_end(worker, limit)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        self.workers.clear()


def _drive(pool: _Pool, schedule: Schedule, on_event: EventSink) -> None:
    while True:
        while not pool.full and (node := schedule.take()) is not None:
            on_event(NodeStarted(node))
            pool.give(node)
        if not pool.busy:
            return
        by_pipe = {worker.pipe: worker for worker in pool.busy}
        for pipe in connection.wait(list(by_pipe)):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError, pickle.UnpicklingError):
                message = ("leaves",)
            if message[0] == "leaves":
                message = ("failed", pool.remove(worker), "WorkerDied", "")
            _handle(worker, message, schedule, on_event)


def _handle(
    worker: _Worker, message: tuple[Any, ...], schedule: Schedule, on_event: EventSink
) -> None:
    kind, *content = message
    if kind == "event":
        on_event(content[0])
        return
    node, worker.node = worker.node, None
    if node is None:
        return
    if kind == "done":
        done = finished(node, content[0], time.monotonic() - worker.started)
        on_event(done)
        schedule.settle(node, outcome_of(done))
    else:
        on_event(NodeFailed(node, *content))
        schedule.settle(node, Outcome.FAILED)


def _drain_until_end(worker: _Worker, limit: float) -> None:
    """Read on while a worker stops: one that blocks on a full pipe could never end."""
    while worker.process.is_alive() and time.monotonic() < limit:
        try:
            if worker.pipe.poll(0.05):
                worker.pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            worker.process.join(timeout=max(limit - time.monotonic(), 0))


def _check_picklable(run: Run) -> None:
    try:
        pickle.dumps(run)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise GclbenchError(
            f"the local executor cannot send {redacted(repr(run))} to another process: {error}.",
            "Use a function of a module, or executor=inline.",
        ) from error
