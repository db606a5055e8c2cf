"""Exit codes, and how an error becomes one line on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from gclbench import errors
from gclbench.errors import (
    DataMissingError,
    GclbenchError,
    ManyFaultsError,
    MissingExtraError,
    UsageError,
)
from gclbench.file_errors import FULL, explained
from gclbench.shown_text import shown

_MISSING = (DataMissingError, MissingExtraError)


class ExitCode(IntEnum):
    """What a shell script can rely on."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DATA_MISSING = 3
    SOME_FAILED = 5
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


def code_of(error: BaseException) -> ExitCode:
    """Return the exit code of an error that ended a verb; of several, usage counts before data."""
    if isinstance(error, ManyFaultsError):
        codes = {code_of(fault) for fault in error.faults}
        return min(codes - {ExitCode.FAILED}, default=ExitCode.FAILED)
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    if isinstance(error, _MISSING):
        return ExitCode.DATA_MISSING
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED


def code_of_kinds(kinds: Sequence[str], *, measured: bool) -> ExitCode:
    """Return the exit code of a run from the class names of its stages' errors.

    Input that is wrong or missing, and nothing else, has its own code; otherwise it counts whether
    any cell was `measured` all the same.
    """
    if not kinds:
        return ExitCode.OK
    classes = [getattr(errors, kind, Exception) for kind in kinds]
    for base, code in ((UsageError, ExitCode.USAGE), (_MISSING, ExitCode.DATA_MISSING)):
        if all(issubclass(found, base) for found in classes):
            return code
    return ExitCode.SOME_FAILED if measured else ExitCode.FAILED


def left_out(damaged: int) -> str:
    """The line on stderr for tables that lack what is damaged; their notes name it."""
    what = "1 stored result is" if damaged == 1 else f"{damaged} stored results are"
    return f"error: {what} damaged and left out; run again to make them anew."


def foreseen(error: BaseException) -> bool:
    """Whether the error explains itself, so that a traceback would only hide the message."""
    return isinstance(error, GclbenchError | KeyboardInterrupt) or explained(error) is not None


def describe(error: BaseException) -> str:
    """Return one line: what is wrong, then what to do about it. Several faults have one each.

    What a terminal would obey, such as ESC in a file's name, is shown instead.
    """
    return shown(_described(error))


def _described(error: BaseException) -> str:
    if isinstance(error, ManyFaultsError):
        return f"error: {error}"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted: finished work is kept; the same command continues where it stopped."
    if isinstance(error, OSError) and error.errno in FULL:
        name = error.filename or "the results folder"
        return f"error: the disk is full ({name}). Free space; the same command then continues."
    text = explained(error)
    if text is not None:
        return f"error: {text}" if text.endswith(".") else f"error: {text}."
    return "error: " + " ".join(str(error).split())
