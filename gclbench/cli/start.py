"""Where `gclbench` starts: a question of a shell's completion is answered without the rest."""

from __future__ import annotations

import sys

# The word by which the scripts in `complete/scripts` ask.
QUESTION = "__complete"


def main() -> int:
    """Answer a shell, or run the command line; return the exit code."""
    if sys.argv[1:2] == [QUESTION]:
        from gclbench.cli.complete.answer import answer

        return answer(sys.argv[2:])
    from gclbench.cli.app import main as run

    return run()
