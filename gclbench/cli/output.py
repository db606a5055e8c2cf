"""Tables on screen: the same for `run` and `report`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from gclbench.reporting import TableData


def print_tables(console: Console, tables: Sequence[TableData]) -> None:
    """Print tables in the terminal's width; a pipe gets them in full."""
    from gclbench.reporting.render import terminal

    for table in tables:
        text = terminal.render(table, console.width if console.is_terminal else None)
        console.print(text, soft_wrap=True)
        console.print()
