"""Where `gclbench` starts: a question of a shell's completion is answered without the rest."""

from __future__ import annotations

import os
import sys

# The word by which the scripts in `complete/scripts` ask.
QUESTION = "__complete"


def main() -> int:
    """Answer a shell, or run the command line; return the exit code."""
    if sys.argv[1:2] == [QUESTION]:
        from gclbench.cli.complete.answer import answer

        return answer(sys.argv[2:])
    open_what_is_closed()
    try:
        return _run()
    except KeyboardInterrupt as interrupt:  # while all that was loaded
        from gclbench.cli.exit import describe
        from gclbench.cli.interrupts import CURRENT
        from gclbench.cli.output import note

        CURRENT.said()
        note(describe(interrupt))
        return CURRENT.code(130)


def _run() -> int:
    from gclbench.cli.interrupts import CURRENT

    CURRENT.install()
    from gclbench.cli.app import main as run

    return CURRENT.code(run())


def open_what_is_closed() -> None:
    """Open nothing in the place of standard streams that are closed.

    Otherwise the next file opened, such as the store, would be taken for one of them.
    """
    for handle in (0, 1, 2):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
