"""What a user is told of an error in a run: one line, with the place in their code or ours."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from gclbench.errors import GclbenchError
from gclbench.file_errors import explained
from gclbench.redaction import redacted
from gclbench.registry import REGISTRY

# Names under which an error carries what is known of its run.
_RUN, _FILE = "gclbench_run", "gclbench_trace_file"


def describe(error: BaseException) -> tuple[str, str, str]:
    """Return (one line for the user, class name, traceback) of an error of a run.

    An error that explains itself is its own message. Any other names its class, the last place in
    the user's code or ours, and where the whole trace is, if it was kept (`note_run`).
    """
    kind = type(error).__name__
    trace = redacted("".join(traceback.format_exception(error)))
    if isinstance(error, GclbenchError):
        return " ".join(redacted(str(error)).split()), kind, trace
    text = explained(error) or " ".join(_unexplained(error, kind))
    return redacted(text), kind, trace


def note_run(error: BaseException, run_id: str, file: Path | None) -> None:
    """Let an error carry the run that it ended, and the file with the whole trace."""
    for name, value in ((_RUN, run_id), (_FILE, file)):
        if value:
            try:
                setattr(error, name, value)
            except AttributeError:  # a class with slots: the line goes without
                return


def own_frame(error: BaseException) -> tuple[str, int, str] | None:
    """Return file, line and function of the last frame in the user's code or ours, if any.

    Code is ours, or a user's, unless it is Python's own or belongs to a package that announces no
    component.
    """
    own = _own_folders()
    frames = [frame for frame in _frames(error.__traceback__) if _is_own(frame[0], own)]
    return frames[-1] if frames else None


def place(error: BaseException) -> str:
    """Return `FILE:LINE, in FUNCTION: SOURCE` of `own_frame`; '' where there is none."""
    frame = own_frame(error)
    if frame is None:
        return ""
    file, line, function = frame
    source = linecache.getline(file, line).strip()
    return f"{_shown(file)}:{line}, in {function}" + (f": {source}" if source else "")


def _unexplained(error: BaseException, kind: str) -> Iterable[str]:
    said = " ".join(str(error).split())
    yield f"{kind}: {said}" if said else kind
    if where := place(error):
        yield f"({where})"
    if run := getattr(error, _RUN, ""):
        file = getattr(error, _FILE, None)
        yield f"Whole trace: gclbench show run {run}" + (f", or {file}" if file else "")


def _frames(trace: TracebackType | None) -> Iterable[tuple[str, int, str]]:
    for frame, line in traceback.walk_tb(trace):
        yield frame.f_code.co_filename, line, frame.f_code.co_name


def _own_folders() -> tuple[str, ...]:
    """The folders of gclbench and of each package that has a component."""
    modules = {entry.module for kind in REGISTRY.kinds() for entry in REGISTRY.entries(kind)}
    tops = {"gclbench", *(name.partition(".")[0] for name in modules)}
    files = (getattr(sys.modules.get(top), "__file__", None) for top in sorted(tops))
    return tuple(str(Path(file).parent) for file in files if file)


def _is_own(file: str, own: tuple[str, ...]) -> bool:
    if not os.path.isabs(file) and not os.path.exists(file):  # <string>, <frozen importlib>
        return False
    path = os.path.abspath(file)
    if any(path.startswith(folder + os.sep) for folder in own):
        return True
    paths = sysconfig.get_paths()
    others = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return not any(path.startswith(folder + os.sep) for folder in others)


def _shown(file: str) -> str:
    """A path from the current folder on where it lies in it."""
    try:
        inside = os.path.relpath(file)
    except (OSError, ValueError):
        return file
    return file if inside.startswith(os.pardir) else inside
