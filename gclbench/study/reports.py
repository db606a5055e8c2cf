"""Whether the report of a study can be made, before anything is trained for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gclbench.content import Content
from gclbench.errors import ContentError, suggestion
from gclbench.plain_yaml import Place, dotted, read_yaml
from gclbench.plan import Cell
from gclbench.schema import Layout, PublishedNumber, Row, Study
from gclbench.schema.layout import CURVES, EPOCH


def check_report(content: Content, study: Study, cells: Sequence[Cell]) -> None:
    """Read the layout of a study and its published numbers, and hold them against its cells.

    Raises ContentError or UnknownNameError for the first thing that the report of `cells` cannot
    be made with: also a column that no row has, a group of no row, a task that no panel shows, a
    plot over an axis that no sweep has. A search without a report has nothing to check.
    """
    if study.report is None:
        return
    layout = content.layout(study.report)
    numbers = [] if layout.published is None else content.published(layout.published)
    for at, problem in _problems(layout, study, cells, numbers):
        raise _error(content, layout, at, problem)


def _problems(
    layout: Layout, study: Study, cells: Sequence[Cell], numbers: Sequence[PublishedNumber]
) -> Iterator[tuple[Place, str]]:
    """Every place of the layout that does not fit, with what is wrong there."""
    columns = _columns(study.rows, numbers)
    flags, texts = ([each.column for each in part] for part in (layout.flags, layout.texts))
    for field, listed in (("flags", flags), ("texts", texts)):
        for index, name in enumerate(listed):
            if name not in columns:
                yield (field, index, "column"), _unknown("column", name, columns)
    keys = {row.key for row in study.rows} | {number.row_key for number in numbers}
    for key in layout.row_groups:
        if key not in keys:
            yield ("row_groups", key), _unknown("row", key, keys)
    shown = {name for panel in layout.panels for name in panel.tasks}
    for task in dict.fromkeys(cell.task.name for cell in cells if cell.study == study.study):
        if task not in shown:
            yield ("panels",), f"no panel shows the task '{task}' of {study.study}"
    yield from _plot_problems(layout, study.rows)


def _plot_problems(layout: Layout, rows: Sequence[Row]) -> Iterator[tuple[Place, str]]:
    values: dict[str, list[object]] = {EPOCH: []}
    for row in rows:
        for axis, value in row.at.items():
            values.setdefault(axis, []).append(value)
    for index, plot in enumerate(layout.plots):
        if plot.axis not in values:
            yield ("plots", index, "axis"), _unknown("axis", plot.axis, values)
        elif any(not isinstance(value, int | float) for value in values[plot.axis]):
            yield ("plots", index, "axis"), f"the values of {plot.axis} are no numbers"
        for metric in plot.metrics if plot.axis == EPOCH else ():
            if metric not in CURVES:
                yield ("plots", index, "metrics"), _unknown("metric of an epoch", metric, CURVES)


def _columns(rows: Sequence[Row], numbers: Sequence[PublishedNumber]) -> set[str]:
    """The columns beside a row's label, as `reporting.rows_of` gives them."""
    if not numbers:
        return {axis for row in rows for axis in row.at}
    return {name for number in numbers for name in number.columns} | {
        name for row in rows for name in row.columns
    }


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"unknown {what} '{name}'. {suggestion(name, known)}".rstrip()


def _error(content: Content, layout: Layout, at: Place, problem: str) -> ContentError:
    file, line = _place(content, layout.report, at)
    return ContentError(file, line, dotted(at), problem)


def _place(content: Content, report: str, at: Place) -> tuple[str, int | None]:
    """File and line of a place; a layout that needs no file has none."""
    if report not in content.names("reports"):
        return report, None
    file: Path = content.path("reports", report)
    lines = read_yaml(file)[1]
    while at not in lines and at:
        at = at[:-1]
    return str(file), lines.get(at)
