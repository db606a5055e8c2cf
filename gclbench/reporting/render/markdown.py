"""Markdown (GitHub's dialect): one table per panel, headings in the cells by a line break.

Every Markdown table of the package is written here; `plain_table` is for the simple ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from gclbench.reporting.render.grid import build_grids
from gclbench.reporting.render.templates import fill
from gclbench.reporting.table import Entry, Mark, TableData

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_|<>[]#"})


def render(tables: Sequence[TableData], template: str) -> str:
    """Return a Markdown document with every table."""
    drawn = [(table, build_grids(table, paint, escape, "✓")) for table in tables]
    return fill(template, escape, tables=drawn)


def plain_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()
) -> str:
    """Return a table of one heading per column, for what is no `TableData`.

    Cells are ink: what may hold any text goes through `escape` first. Columns whose numbers are in
    `right` are set right.
    """
    rule = ["--:" if column in right else "---" for column in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def escape(text: str) -> str:
    """Return text that Markdown prints as it stands, on one line."""
    return " ".join(text.translate(_SPECIAL).splitlines())


def strong(text: str) -> str:
    return f"**{text}**"


def paint(entry: Entry) -> str:
    text = f"{entry.text} ≈" if entry.tie else entry.text
    if entry.mark is Mark.BEST:
        return strong(text)
    return f"<u>{text}</u>" if entry.mark is Mark.SECOND else text
