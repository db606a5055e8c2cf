"""Worker processes of this machine: how they start, and what to say when one dies."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from gclbench.redaction import redacted

_THREAD_VARIABLES = (
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
_TAIL_CHARS = 400
_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start_process(
    target: Callable[..., None], args: tuple[Any, ...], threads: int
) -> SpawnProcess:
    """Start a daemon process with `threads` numeric threads that ignores Ctrl-C."""
    process = get_context("spawn").Process(target=target, args=args, daemon=True)
    with _environment(dict.fromkeys(_THREAD_VARIABLES, str(threads))), _interrupts_held():
        process.start()
    return process


def describe_end(code: int | None, log: Path) -> str:
    """Say how a process ended that should not have, with the end of what it printed to `log`."""
    text = f"the worker process stopped before the node was finished (exit code {code})"
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        text = f"the worker process was killed by {name}"
        if name == "SIGKILL":
            text += " (often a sign that memory ran out: use fewer workers)"
    tail = _tail(log)
    return f"{text}. Its last words: {tail}" if tail else f"{text}."


def _tail(log: Path) -> str:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return " ".join(redacted(text)[-_TAIL_CHARS:].split())


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold signals back while a child is started: none is lost, and none cuts the start in two.

    The child inherits that Ctrl-C is blocked, so it is deaf to it from its first instruction on;
    the first signal that came is handled afterwards.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may; elsewhere the worker ignores Ctrl-C a little later
        return
    caught: list[int] = []
    handlers = {int(number): signal.getsignal(number) for number in _HELD}
    own = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in own:
        signal.signal(number, lambda came, frame: caught.append(came))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in own.items():
            signal.signal(number, handler)
        for number in caught[:1]:
            own[number](number, None)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables for a child: numeric libraries read them once, when they are loaded."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
