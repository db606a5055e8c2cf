"""HTML: one self-contained page, no scripts and nothing loaded from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Sequence

from gclbench.reporting.render.grid import build_grids
from gclbench.reporting.render.templates import fill
from gclbench.reporting.table import Entry, Mark, TableData


def render(tables: Sequence[TableData], template: str) -> str:
    """Return a page with every table."""
    drawn = [(table, build_grids(table, paint, html.escape, "✓")) for table in tables]
    return fill(template, html.escape, tables=drawn)


def paint(entry: Entry) -> str:
    text = html.escape(f"{entry.text} ≈" if entry.tie else entry.text)
    if entry.mark is Mark.BEST:
        return f"<strong>{text}</strong>"
    return f"<u>{text}</u>" if entry.mark is Mark.SECOND else text
