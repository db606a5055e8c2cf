"""The paper's numbers as a table of their own: as printed, never beside measured ones in a row."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from gclbench.reporting.table import (
    MISSING,
    Cell,
    Column,
    Entry,
    FlagHead,
    Line,
    PanelData,
    RowInfo,
    TableData,
    line_of,
    mark_columns,
)
from gclbench.schema import Layout, PublishedNumber, Row, Task

SOURCE = (
    'As printed in "Learning Invariance from Generated Variance for Unsupervised Person '
    'Re-identification" (GCL+).'
)


def rows_of(rows: Sequence[Row], numbers: Sequence[PublishedNumber]) -> tuple[RowInfo, ...]:
    """Give each row of a study the extra columns of the published row with the same key.

    A row that the paper does not have gets '0' in columns of 0 and 1, in others what its own
    `columns` say, or ''. Where nothing is published, the columns are the axes of the study's
    sweeps.
    """
    by_key = {number.row_key: dict(number.columns) for number in reversed(numbers)}
    names = list(numbers[0].columns) if numbers else []
    ticks = {name: {n.columns.get(name) for n in numbers} <= {"0", "1"} for name in names}
    empty = {name: "0" if ticks[name] else "" for name in names}
    if not numbers:
        axes = dict.fromkeys(axis for row in rows for axis in row.at)
        by_key = {row.key: {axis: str(row.at.get(axis, "")) for axis in axes} for row in rows}
    return tuple(
        RowInfo(
            row.key,
            row.label,
            row.control,
            by_key.get(row.key, {**empty, **row.columns}),
            row.tasks,
        )
        for row in rows
    )


def printed_rows(
    rows: Sequence[RowInfo], numbers: Sequence[PublishedNumber], measured: Container[str]
) -> tuple[RowInfo, ...]:
    """Return the rows of a published table in its order, by the names that are printed.

    These are `rows`, and the printed ones that no row of the study measures: systems that are
    known by their numbers only. `measured` holds the keys of all rows of the study, also of those
    that nobody asked for.
    """
    known = {row.key: row for row in rows}
    columns = {number.row_key: number.columns for number in reversed(numbers)}
    found = []
    for key in dict.fromkeys(number.row_key for number in numbers):
        if key in known:
            row = known[key]
            found.append(replace(row, label=columns[key].get("method", row.label)))
        elif key not in measured:
            label = columns[key].get("method", key)
            found.append(RowInfo(key, label, flags=dict(columns[key])))
    return tuple(found)


def unprinted(rows: Sequence[RowInfo], numbers: Sequence[PublishedNumber]) -> tuple[str, ...]:
    """Name the rows, controls apart, that the published table does not have."""
    if not numbers:
        return ()
    printed = {number.row_key for number in numbers}
    return tuple(row.label for row in rows if not row.control and row.key not in printed)


def build_published_table(
    layout: Layout,
    rows: Sequence[RowInfo],
    tasks: Sequence[Task],
    numbers: Sequence[PublishedNumber],
) -> TableData | None:
    """Lay the published numbers out in the same shape, as printed; None when there are none.

    Rows and tasks that the paper does not have are left out.
    """
    table = {(n.row_key, n.dataset, n.metric): n for n in numbers}
    keys = {n.row_key for n in numbers}
    known = {task.name: task for task in tasks if any(n.dataset == task.name for n in numbers)}
    printed = [row for row in rows if row.key in keys and not row.control]
    panels: list[PanelData] = []
    for panel in layout.panels:
        columns = tuple(
            Column(name, known[name].setting, known[name].label, metric)
            for name in panel.tasks
            if name in known
            for metric in layout.metrics
        )
        if columns and printed:
            lines = [_line(layout, row, columns, table) for row in printed]
            panels.append(PanelData(panel.title, columns, mark_columns(lines, columns)))
    if not panels:
        return None
    return TableData(
        report=layout.report,
        kind="published",
        title=f"{layout.title} (published)",
        caption=f"{layout.caption} Published numbers.",
        flags=tuple(FlagHead(flag.label, flag.group) for flag in layout.flags),
        panels=tuple(panels),
        footnotes=(
            SOURCE,
            "Real datasets; nothing here was measured by gclbench.",
            *layout.remarks,
        ),
        texts=tuple(text.label for text in layout.texts),
    )


def _line(
    layout: Layout,
    row: RowInfo,
    columns: Sequence[Column],
    table: dict[tuple[str, str, str], PublishedNumber],
) -> Line:
    found = [table.get((row.key, column.task, column.metric)) for column in columns]
    return line_of(layout, row, [_entry(number) for number in found])


def _entry(number: PublishedNumber | None) -> Entry:
    if number is None or number.value is None:
        return Entry(MISSING if number is None else number.printed or MISSING)
    return Entry(number.printed, cell=Cell(mean=number.value))
