"""How a call ends that did not come to its end: the line on stderr, and the exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import typer

from gclbench.cli.exit import ExitCode, code_of, describe, foreseen
from gclbench.cli.interrupts import CURRENT
from gclbench.cli.output import StdoutError, note, to_stdout
from gclbench.file_errors import reason


def ended_by(error: BaseException, typed: Sequence[str]) -> int:
    """Say what went wrong in the call of these words, and return the exit code."""
    if isinstance(error, BrokenPipeError):
        return ended_early()
    if isinstance(error, OSError) and (isinstance(error, StdoutError) or _of_help(error)):
        let_stdout_go()
        note(f"error: cannot write to standard output: {reason(error)}.")
        return int(ExitCode.FAILED)
    if foreseen(error):
        if isinstance(error, KeyboardInterrupt):
            CURRENT.said()
        note(describe(error))
        return int(code_of(error))
    for line in _fault(error, typed):
        note(line)
    return int(ExitCode.FAILED)


def ended_early() -> int:
    """The reader went away (`| head`): that is no failure, and nothing is said."""
    let_stdout_go()
    return int(ExitCode.OK)


def flush() -> None:
    """Send out what was printed. Raises BrokenPipeError, StdoutError."""
    with to_stdout():
        if sys.stdout is not None:
            sys.stdout.flush()


def let_stdout_go() -> None:
    """Point stdout elsewhere, so that closing it stays quiet."""
    with suppress(AttributeError, OSError, ValueError):
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, sys.stdout.fileno())
        os.close(handle)


def _of_help(error: OSError) -> bool:
    """Whether typer met the error, which prints help by itself."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return error.filename is None and Path(typer.__file__).parent in Path(files[-1]).parents


def _fault(error: BaseException, typed: Sequence[str]) -> Sequence[str]:
    """The lines for an error that nobody foresaw; its trace goes to a file where one can be."""
    from gclbench.executors import failure
    from gclbench.running.traces import keep_trace

    text, _, trace = failure.describe(error)
    home = _home(typed)
    name = f"{datetime.now():%Y-%m-%d-%H%M%S}-{os.getpid()}"
    file = keep_trace(home, name, error) if home is not None else None
    lines = [f"error: {text}"] if file else [trace.rstrip("\n"), f"error: {text}"]
    where = f"Its whole trace: {file}" if file else "The lines above are its whole trace"
    if _of_gclbench(failure.own_frame(error)):
        return [*lines, f"This is a fault of gclbench. {where}"]
    return [*lines, where]


def _of_gclbench(frame: tuple[str, int, str] | None) -> bool:
    """Whether the last place in own code is in gclbench, not in a package of the user's."""
    package = Path(__file__).resolve().parents[1]
    return frame is None or Path(frame[0]).resolve().is_relative_to(package)


def _home(typed: Sequence[str]) -> Path | None:
    """The results folder that was named, or the default one, if it is there."""
    from gclbench.words.groups import results_folder

    named = [word.removeprefix("home=") for word in typed if word.startswith("home=")]
    with suppress(OSError, RuntimeError):
        home = results_folder(named[-1] if named else None)
        return home if home.is_dir() else None
    return None
