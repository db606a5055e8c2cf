"""Ink: one module per format, each with `render`. CSV, which programs read, is measured only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gclbench.errors import UnknownNameError
from gclbench.reporting.render import csv, html, latex, markdown
from gclbench.reporting.render.templates import read_template
from gclbench.reporting.table import TableData

SUFFIXES: Final = {"csv": ".csv", "html": ".html", "latex": ".tex", "markdown": ".md"}


def render(file_format: str, tables: Sequence[TableData], content: Sequence[Path]) -> str:
    """Return the file's text. `content` are content folders, searched for `reports/templates/`.

    Raises UnknownNameError for a format that does not exist, DataMissingError for a lost template.
    """
    if file_format not in SUFFIXES:
        raise UnknownNameError("format", file_format, SUFFIXES)
    if file_format == "csv":
        return csv.render([table for table in tables if table.kind == "measured"])
    template = read_template(f"table{SUFFIXES[file_format]}.jinja", content)
    draw = {"html": html.render, "latex": latex.render, "markdown": markdown.render}[file_format]
    return draw(tables, template)


__all__ = ["SUFFIXES", "render"]
