"""The other end of the local executor: a process that runs one node after the other."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from gclbench.executors.events import Event, Run
from gclbench.executors.failure import describe
from gclbench.plan.node import Node

_GRACE_S = 10.0


def serve(pipe: connection.Connection, run: Run, log: Path) -> None:
    """Run the nodes that come through the pipe until it closes.

    Answers are ("event", event), ("done", what `run` returned), ("failed", line, kind, trace) and,
    when this process was told to stop, ("leaves",). What a node prints goes to `log`: the terminal
    belongs to the parent.
    """
    ignore_terminal()
    print_to(log)
    threading.Thread(target=follow_parent, daemon=True).start()
    while True:
        try:
            node: Node = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = _run_one(pipe, run, node)
        except KeyboardInterrupt:
            with suppress(OSError):
                pipe.send(("leaves",))
            return
        with suppress(OSError):
            pipe.send(answer)


def _run_one(pipe: connection.Connection, run: Run, node: Node) -> tuple[Any, ...]:
    def sink(event: Event) -> None:
        with suppress(BrokenPipeError):
            pipe.send(("event", event))

    try:
        return ("done", run(node, sink))
    except Exception as error:
        return ("failed", *describe(error))


def ignore_terminal() -> None:
    """Leave it to the parent what Ctrl-C, and a terminal that is closed, mean for its workers.

    Both reach the whole process group.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # see spawn


def print_to(log: Path) -> None:
    """Send both output streams to a file, also what C code writes."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    for stream in (sys.stdout, sys.stderr):  # the log is UTF-8, whatever the terminal is
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def follow_parent() -> None:
    """End this process when the parent is gone: nobody would read its results or stop it."""
    parent = parent_process()
    if parent is None:
        return
    connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    # A node that handles SIGTERM may write down that it was interrupted, but not train on.
    threading.Event().wait(_GRACE_S)
    os._exit(1)
