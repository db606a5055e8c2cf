"""Ink: one module per format, each with `render`. CSV, which programs read, is measured only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gclbench.errors import UnknownNameError
from gclbench.reporting.render import csv, html, latex, markdown
from gclbench.reporting.render.templates import check_template, find_template, read_template
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
    template = read_template(_template(file_format), content)
    draw = {"html": html.render, "latex": latex.render, "markdown": markdown.render}[file_format]
    return draw(tables, template)


def check_templates(content: Sequence[Path]) -> None:
    """Raise ContentError or DataMissingError for a template that a report cannot be made with."""
    for file_format in SUFFIXES:
        if file_format != "csv":
            check_template(find_template(_template(file_format), content))


def _template(file_format: str) -> str:
    return f"table{SUFFIXES[file_format]}.jinja"


__all__ = ["SUFFIXES", "check_templates", "render"]
