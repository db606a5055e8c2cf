"""Answers in the form that the script of a shell reads (`scripts/`).

The first line is what the shell completes by itself, `nothing`, `files` or `folders`; then comes a
line for each word that fits, with a space behind it where the word ends. Left out are names from
files with what a shell would obey ($, backquotes, quotes, spaces, ESC).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence

from gclbench.cli.complete.fit import Answer, Candidate, complete
from gclbench.cli.complete.line import split_line
from gclbench.shown_text import one_line
from gclbench.words.kinds import Completed

_PLAIN = re.compile(r"[\w.,:=+@%/\[\]{}-]*")


def answer(question: Sequence[str]) -> int:
    """Print what fits; print nothing for a question that cannot be answered, whatever it is."""
    try:
        shell, *rest = question
        lines = _SHELLS[shell](rest)
    except Exception:  # a traceback would be typed into the user's command line
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _bash(rest: Sequence[str]) -> list[str]:
    """`rest`: $COMP_WORDBREAKS, and the line up to the cursor."""
    breaks, text = rest
    line = split_line(text)
    found = complete(line.words[1:], line.current)
    kept = 0 if line.quoted else _last_break(line.current, breaks)
    return _lines(found, kept)


def _last_break(word: str, breaks: str) -> int:
    """Where the part of the word begins that bash replaces: after the last of its breaks."""
    return max((index + 1 for index, sign in enumerate(word) if sign in breaks), default=0)


def _zsh(rest: Sequence[str]) -> list[str]:
    """`rest`: the words after `gclbench`, the last up to the cursor."""
    return _lines(complete(rest[:-1], rest[-1]))


def _fish(rest: Sequence[str]) -> list[str]:
    """As for zsh; fish adds the space by itself, and shows what follows a tab."""
    found = complete(rest[:-1], rest[-1])
    if isinstance(found, Completed):
        return [found.value]
    return ["nothing", *(f"{each.text}\t{one_line(each.help)}" for each in _plain(found))]


def _lines(found: Answer, kept: int = 0) -> list[str]:
    if isinstance(found, Completed):
        return [found.value]
    return ["nothing", *(each.text[kept:] + ("" if each.more else " ") for each in _plain(found))]


def _plain(found: Iterable[Candidate]) -> list[Candidate]:
    return [each for each in found if _PLAIN.fullmatch(each.text)]


_SHELLS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "bash": _bash,
    "fish": _fish,
    "zsh": _zsh,
}
