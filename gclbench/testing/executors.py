"""The contract suite of executors. Join it with one fixture:

class TestMine(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return MyExecutor()
"""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

from gclbench.errors import TrainingError
from gclbench.executors import (
    Event,
    EventSink,
    Executor,
    Found,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodeSkipped,
    NodeStarted,
    Outcome,
)
from gclbench.plan.node import Node
from gclbench.schema import NodeRecord, Stage


def tiny_node(name: str, *parents: str, **settings: object) -> Node:
    """Return a node named `name` that stands behind `parents`; `settings` steer `tiny_run`."""
    behind = {f"parent{index}": parent for index, parent in enumerate(parents)}
    return Node(Stage.WARMUP, name, 0, f"node {name}", dict(settings), behind)


def tiny_run(folder: Path, node: Node, sink: EventSink) -> NodeRecord | Found:
    """Write a file named after the node, with the process id and OMP_NUM_THREADS.

    `found` in its settings says that another process was quicker; `fail`, `crash`, `killed`,
    `stopped`, `sleep_s` and `wait_for` (a file) make it misbehave or wait.
    """
    settings = node.settings
    sink(NodeProgress(node.key, 1, 2, 3, 4, {"loss": 0.5}))
    (folder / f".{node.key}.pid").write_text(f"{os.getpid()} ", encoding="utf-8")
    time.sleep(float(settings.get("sleep_s", 0)))
    if "wait_for" in settings:
        _wait_for(folder / str(settings["wait_for"]))
    _misbehave(node)
    missing = [parent for parent in node.parents.values() if not (folder / parent).exists()]
    if missing:
        raise TrainingError(f"{node.key} ran before {missing[0]}.")
    text = f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}"
    (folder / node.key).write_text(text, encoding="utf-8")
    record = node.record(metrics={"length": float(len(node.key))})
    return Found(record) if settings.get("found") else record


def _misbehave(node: Node) -> None:
    if node.settings.get("fail"):
        raise TrainingError(f"node {node.key} was told to fail.", "Do not tell it.")
    if node.settings.get("crash"):
        raise ZeroDivisionError("a fault of the code")
    if node.settings.get("stopped"):
        raise KeyboardInterrupt
    if node.settings.get("killed"):
        os.write(2, b"famous last words\n")
        os.kill(os.getpid(), signal.SIGKILL)


def _wait_for(path: Path, limit_s: float = 20.0) -> None:
    limit = time.monotonic() + limit_s
    while not path.exists():
        if time.monotonic() > limit:
            raise TrainingError(f"{path.name} never came.")
        time.sleep(0.01)


def nothing_done(node: Node) -> bool:
    """Say of every node that it still has to run."""
    return False


class ExecutorContract:
    """What every executor must do; each test takes the fixture `executor`."""

    def test_a_diamond_runs_parents_before_children(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        nodes = [
            tiny_node("a"),
            tiny_node("b", "a"),
            tiny_node("c", "a"),
            tiny_node("d", "b", "c"),
        ]
        outcomes, _ = _execute(executor, nodes, tmp_path)
        assert outcomes == dict.fromkeys("abcd", Outcome.COMPLETED)
        assert all((tmp_path / name).exists() for name in "abcd")

    def test_events_tell_start_progress_and_end_of_a_node_in_order(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        node = tiny_node("abc")
        _, events = _execute(executor, [node], tmp_path)
        started, progress, finished = events
        assert started == NodeStarted(node)
        assert progress == NodeProgress("abc", 1, 2, 3, 4, {"loss": 0.5})
        assert isinstance(finished, NodeFinished)
        assert finished.record is not None
        assert finished.record.metrics == {"length": 3.0}
        assert finished.seconds >= 0
        assert not finished.reused

    def test_done_nodes_are_reused_and_never_run(self, executor: Executor, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        nodes = [tiny_node("a", fail=True), tiny_node("b", "a")]
        done = _done_in(tmp_path)
        events: list[Event] = []
        outcomes = executor.execute(nodes, done, partial(tiny_run, tmp_path), events.append)
        assert outcomes == {"a": Outcome.REUSED, "b": Outcome.COMPLETED}
        assert events[0] == NodeFinished(nodes[0], None, 0.0, reused=True)

    def test_what_another_process_finished_meanwhile_is_reused(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        nodes = [tiny_node("a", found=True), tiny_node("b", "a")]
        outcomes, events = _execute(executor, nodes, tmp_path)
        assert outcomes == {"a": Outcome.REUSED, "b": Outcome.COMPLETED}
        (reused,) = [e for e in events if isinstance(e, NodeFinished) and e.reused]
        assert (reused.node.key, reused.seconds) == ("a", 0.0)
        assert reused.record is not None
        assert reused.record.metrics == {"length": 1.0}

    def test_a_failure_skips_descendants_and_spares_the_rest(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        nodes = [
            tiny_node("a", fail=True),
            tiny_node("b", "a"),
            tiny_node("c", "b"),
            tiny_node("d"),
        ]
        outcomes, events = _execute(executor, nodes, tmp_path)
        assert outcomes == {
            "a": Outcome.FAILED,
            "b": Outcome.SKIPPED,
            "c": Outcome.SKIPPED,
            "d": Outcome.COMPLETED,
        }
        (failure,) = [event for event in events if isinstance(event, NodeFailed)]
        assert failure.error == "node a was told to fail. Do not tell it."
        assert failure.kind == "TrainingError"
        skipped = [event for event in events if isinstance(event, NodeSkipped)]
        assert [(event.node.key, event.parent) for event in skipped] == [("b", "a"), ("c", "b")]

    def test_an_unforeseen_error_fails_the_node_and_keeps_its_traceback(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        outcomes, events = _execute(executor, [tiny_node("a", crash=True)], tmp_path)
        assert outcomes == {"a": Outcome.FAILED}
        (failure,) = [event for event in events if isinstance(event, NodeFailed)]
        assert failure.error.startswith("ZeroDivisionError: a fault of the code (")
        assert "executors.py:" in failure.error
        assert ", in _misbehave: raise ZeroDivisionError(" in failure.error
        assert "tiny_run" in failure.trace

    def test_a_parent_outside_of_the_list_counts_as_done(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        (tmp_path / "elsewhere").touch()
        outcomes, _ = _execute(executor, [tiny_node("a", "elsewhere")], tmp_path)
        assert outcomes == {"a": Outcome.COMPLETED}

    def test_no_nodes_give_no_outcomes(self, executor: Executor, tmp_path: Path) -> None:
        outcomes, events = _execute(executor, [], tmp_path)
        assert outcomes == {}
        assert events == []

    def test_an_interrupt_stops_everything_and_marks_what_is_unfinished(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        nodes = [tiny_node("a"), tiny_node("b", "a", sleep_s=30), tiny_node("c", "b")]

        def interrupt(event: Event) -> None:
            if isinstance(event, NodeProgress) and event.key == "b":
                raise KeyboardInterrupt

        start = time.monotonic()
        outcomes = executor.execute(nodes, nothing_done, partial(tiny_run, tmp_path), interrupt)
        assert time.monotonic() - start < 20
        assert outcomes == {
            "a": Outcome.COMPLETED,
            "b": Outcome.INTERRUPTED,
            "c": Outcome.INTERRUPTED,
        }
        assert not (tmp_path / "b").exists()


class _done_in:
    """Says that a node is done when the folder has a file of its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, node: Node) -> bool:
        return (self.folder / node.key).exists()


def _execute(
    executor: Executor, nodes: list[Node], folder: Path
) -> tuple[dict[str, Outcome], list[Event]]:
    events: list[Event] = []
    outcomes = executor.execute(nodes, nothing_done, partial(tiny_run, folder), events.append)
    return outcomes, events
