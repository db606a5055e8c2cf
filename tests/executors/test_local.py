from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gclbench.errors import GclbenchError
from gclbench.executors import (
    Event,
    LocalExecutor,
    NodeFailed,
    NodeProgress,
    NodeStarted,
    Outcome,
)
from gclbench.testing.executors import ExecutorContract, nothing_done, tiny_node, tiny_run


class TestLocalExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> LocalExecutor:
        return LocalExecutor(workers=2, grace_s=5)


def test_two_independent_nodes_run_at_the_same_time(tmp_path: Path) -> None:
    # Each one writes only after the other has started: one worker alone would wait for ever.
    nodes = [tiny_node("a", wait_for="b-started"), tiny_node("b", wait_for="a-started")]

    def note(event: Event) -> None:
        if isinstance(event, NodeProgress):
            (tmp_path / f"{event.key}-started").touch()

    run = partial(tiny_run, tmp_path)
    outcomes = LocalExecutor(workers=2).execute(nodes, nothing_done, run, note)
    assert outcomes == {"a": Outcome.COMPLETED, "b": Outcome.COMPLETED}
    pids = {int((tmp_path / name).read_text().split()[0]) for name in "ab"}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_one_worker_is_kept_for_many_nodes(tmp_path: Path) -> None:
    nodes = [tiny_node("a"), tiny_node("b"), tiny_node("c")]
    run = partial(tiny_run, tmp_path)
    LocalExecutor(workers=1).execute(nodes, nothing_done, run, lambda event: None)
    assert len({(tmp_path / name).read_text().split()[0] for name in "abc"}) == 1


def test_a_killed_worker_fails_its_node_and_the_others_go_on(tmp_path: Path) -> None:
    nodes = [tiny_node("a", killed=True), tiny_node("b", "a"), tiny_node("c")]
    failures: list[NodeFailed] = []

    def note(event: Event) -> None:
        if isinstance(event, NodeFailed):
            failures.append(event)

    run = partial(tiny_run, tmp_path)
    outcomes = LocalExecutor(workers=1).execute(nodes, nothing_done, run, note)
    assert outcomes == {"a": Outcome.FAILED, "b": Outcome.SKIPPED, "c": Outcome.COMPLETED}
    assert failures[0].kind == "WorkerDied"
    assert "killed by SIGKILL" in failures[0].error
    assert "famous last words" in failures[0].error


def test_the_message_of_a_worker_told_to_stop_says_so(tmp_path: Path) -> None:
    failures: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, NodeFailed):
            failures.append(event.error)

    run = partial(tiny_run, tmp_path)
    node = tiny_node("a", stopped=True)
    outcomes = LocalExecutor(workers=1).execute([node], nothing_done, run, note)
    assert outcomes == {"a": Outcome.FAILED}
    assert "stopped before the node was finished" in failures[0]


def test_workers_get_the_number_of_threads(tmp_path: Path) -> None:
    run = partial(tiny_run, tmp_path)
    before = os.environ.get("OMP_NUM_THREADS")
    LocalExecutor(workers=1, threads=3).execute(
        [tiny_node("a")], nothing_done, run, lambda event: None
    )
    assert (tmp_path / "a").read_text().split()[1] == "3"
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_a_callable_that_cannot_be_sent_is_refused_before_any_node_starts() -> None:
    started: list[Event] = []
    with pytest.raises(GclbenchError, match="cannot send"):
        LocalExecutor().execute(
            [tiny_node("a")], nothing_done, lambda node, sink: node.record(), started.append
        )
    assert started == []


def test_no_worker_is_started_when_everything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gclbench.executors.local.serve", None)  # a worker would fail its node
    run = partial(tiny_run, tmp_path)
    outcomes = LocalExecutor().execute(
        [tiny_node("a")], lambda node: True, run, lambda event: None
    )
    assert outcomes == {"a": Outcome.REUSED}


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from functools import partial; from pathlib import Path\n"
        "from gclbench.executors import LocalExecutor\n"
        "from gclbench.testing.executors import nothing_done, tiny_node, tiny_run\n"
        "run = partial(tiny_run, Path(sys.argv[1]))\n"
        "node = tiny_node('a', sleep_s=60)\n"
        "LocalExecutor(1).execute([node], nothing_done, run, lambda event: None)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment)
    pid_file = tmp_path / ".a.pid"
    _wait(lambda: pid_file.exists() and pid_file.read_text().endswith(" "))
    worker = int(pid_file.read_text())
    parent.kill()
    parent.wait()
    _wait(lambda: not _alive(worker))
    assert not _alive(worker)


def test_ctrl_c_in_a_terminal_ends_workers_without_a_traceback(tmp_path: Path) -> None:
    code = (
        "import signal, sys; from functools import partial; from pathlib import Path\n"
        # As in a shell, also where whoever started the tests ignores it (nohup).
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from gclbench.executors import LocalExecutor\n"
        "from gclbench.testing.executors import nothing_done, tiny_node, tiny_run\n"
        "run = partial(tiny_run, Path(sys.argv[1]))\n"
        "nodes = [tiny_node('a', sleep_s=60), tiny_node('b', sleep_s=60)]\n"
        "outcomes = LocalExecutor(2).execute(nodes, nothing_done, run, lambda event: None)\n"
        "print(*outcomes.values())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pid_files = [tmp_path / ".a.pid", tmp_path / ".b.pid"]
    _wait(lambda: all(path.exists() and path.read_text().endswith(" ") for path in pid_files))
    os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: parent and workers alike
    out, err = parent.communicate(timeout=20)
    assert out.split() == ["INTERRUPTED", "INTERRUPTED"]
    assert err == ""
    assert not any(_alive(int(path.read_text())) for path in pid_files)


def _wait(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    limit = time.monotonic() + limit_s
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_started_events_come_before_the_worker_answers(tmp_path: Path) -> None:
    events: list[Event] = []
    node = tiny_node("a")
    run = partial(tiny_run, tmp_path)
    LocalExecutor(workers=1).execute([node], nothing_done, run, events.append)
    assert events[0] == NodeStarted(node)
