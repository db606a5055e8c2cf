"""Ink: one module per format, each with `render`. CSV, which programs read, is measured only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gclbench.errors import UnknownNameError
from gclbench.reporting.render import csv, html, latex, markdown
from gclbench.reporting.render.sample import SAMPLE
from gclbench.reporting.render.templates import check_template, find_template
from gclbench.reporting.table import TableData

_DRAW: Final = {"html": html.render, "latex": latex.render, "markdown": markdown.render}
SUFFIXES: Final = {"csv": ".csv", "html": ".html", "latex": ".tex", "markdown": ".md"}


def render(file_format: str, tables: Sequence[TableData], content: Sequence[Path]) -> str:
    """Return the file's text. `content` are content folders, searched for `reports/templates/`.

    Raises UnknownNameError for a format that does not exist, DataMissingError for a lost template,
    ContentError for one that cannot be filled.
    """
    if file_format not in SUFFIXES:
        raise UnknownNameError("format", file_format, SUFFIXES)
    if file_format == "csv":
        return csv.render([table for table in tables if table.kind == "measured"])
    return _DRAW[file_format](tables, find_template(_template(file_format), content))


def check_templates(content: Sequence[Path]) -> None:
    """Raise ContentError or DataMissingError for a template that a report cannot be made with.

    Each is filled with a small table, so that what it may not do is known before anything runs.
    """
    for file_format, draw in _DRAW.items():
        template = find_template(_template(file_format), content)
        check_template(template, ["tables"])
        draw([SAMPLE], template)


def _template(file_format: str) -> str:
    return f"table{SUFFIXES[file_format]}.jinja"


__all__ = ["SUFFIXES", "check_templates", "render"]
