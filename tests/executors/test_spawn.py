"""Signals while a worker starts: none is lost, and the child ignores Ctrl-C from the start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gclbench.executors.spawn import _interrupts_held


def start(steps: list[str], number: int) -> None:
    """Be sent a signal in the middle of a start."""
    with _interrupts_held():
        os.kill(os.getpid(), number)
        steps.append("started")


@pytest.fixture
def handled() -> Iterator[None]:
    """Ctrl-C as in a terminal, also where whoever started the tests ignores it (nohup)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("handled")
def test_ctrl_c_while_a_worker_starts_is_raised_afterwards() -> None:
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        start(steps, signal.SIGINT)
    assert steps == ["started"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.usefixtures("handled")
def test_term_is_held_only_where_somebody_handles_it() -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt("SIGTERM")

    before = signal.signal(signal.SIGTERM, interrupt)
    steps: list[str] = []
    try:
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            start(steps, signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert steps == ["started"]


@pytest.mark.usefixtures("handled")
def test_a_child_is_born_with_ctrl_c_blocked_and_may_be_terminated() -> None:
    code = "import signal; print(*map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ())))"
    with _interrupts_held():
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert child.stdout.split() == [b"%d" % signal.SIGINT]
