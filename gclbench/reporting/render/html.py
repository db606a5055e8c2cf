"""HTML: one self-contained page, no scripts and nothing loaded from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Sequence

from gclbench.reporting.render.grid import build_grids
from gclbench.reporting.render.templates import Template, fill
from gclbench.reporting.table import Entry, Mark, TableData
from gclbench.shown_text import one_line


def render(tables: Sequence[TableData], template: Template) -> str:
    """Return a page with every table."""
    drawn = [(table, build_grids(table, paint, escape, "✓")) for table in tables]
    return fill(template, escape, tables=drawn)


def escape(text: str) -> str:
    """Return text that a page, or an attribute in quotes, shows as it stands."""
    return html.escape(one_line(text))


def paint(entry: Entry) -> str:
    text = escape(f"{entry.text} ≈" if entry.tie else entry.text)
    if entry.mark is Mark.BEST:
        return f"<strong>{text}</strong>"
    return f"<u>{text}</u>" if entry.mark is Mark.SECOND else text
