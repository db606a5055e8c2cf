"""Markdown (GitHub's dialect): one table per panel, headings in the cells by a line break."""

from __future__ import annotations

from collections.abc import Sequence

from gclbench.reporting.render.grid import build_grids
from gclbench.reporting.render.templates import fill
from gclbench.reporting.table import Entry, Mark, TableData

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_|<>[]#"})


def render(tables: Sequence[TableData], template: str) -> str:
    """Return a Markdown document with every table."""
    drawn = [(table, build_grids(table, paint, escape, "✓")) for table in tables]
    return fill(template, escape, tables=drawn)


def escape(text: str) -> str:
    return text.translate(_SPECIAL)


def paint(entry: Entry) -> str:
    text = f"{entry.text} ≈" if entry.tie else entry.text
    if entry.mark is Mark.BEST:
        return f"**{text}**"
    return f"<u>{text}</u>" if entry.mark is Mark.SECOND else text
