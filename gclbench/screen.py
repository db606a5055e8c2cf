"""Lines on a screen: text, never markup, in columns as wide as they look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gclbench.shown_text import one_line, shown

if TYPE_CHECKING:
    from rich.console import Console


def say(console: Console, line: str) -> None:
    """Print a line as it stands; a long one is left to the terminal to wrap."""
    console.print(shown(line), markup=False, emoji=False, highlight=False, soft_wrap=True)


def padded(text: str, width: int) -> str:
    """One line of text with spaces behind it up to `width` columns of a terminal.

    A wide letter takes two, an accent on its own none.
    """
    line = one_line(text)
    return line + " " * (width - columns(line))


def columns(text: str) -> int:
    """How many columns of a terminal one line of text takes."""
    from rich.cells import cell_len

    return cell_len(one_line(text))
