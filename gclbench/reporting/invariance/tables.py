"""Retrieval by factor as tables for the renderers, as tidy CSV and as a plain object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gclbench.reporting.csv_text import csv_text
from gclbench.reporting.damaged import DAMAGED, damage_notes
from gclbench.reporting.invariance.data import FactorLine, FactorPanel, TaskInvariance
from gclbench.reporting.table import (
    CONTROLS,
    MISSING,
    Cell,
    Column,
    Entry,
    Line,
    PanelData,
    TableData,
    number,
)
from gclbench.stats import Interval

CSV_COLUMNS = (
    *("table", "row_key", "control", "setting", "dataset", "factor", "measure"),
    *("bin", "low_edge", "high_edge", "unit", "queries", "value", "std", "low", "high"),
    *("p_value", "n_seeds", "data", "node", "damaged"),
)


def to_tables(
    report: str, title: str, tasks: Sequence[TaskInvariance], profile: str
) -> list[TableData]:
    """One table for each task, one panel for each factor."""
    return [_table(report, title, each, profile) for each in tasks]


def to_csv(report: str, tasks: Sequence[TaskInvariance]) -> str:
    """One number per line, in full precision and with the edges as they are on disk.

    `measure` is mAP (one line per bin), drop, or drop_minus_<reference>; an edge that a bin has
    not, and a number that was not measured or is damaged, are empty. `damaged` holds the keys of
    evaluations that have no part in the number.
    """
    records = (
        record
        for each in tasks
        for panel in each.panels
        for line in panel.lines
        for record in _records(report, each, panel, line)
    )
    return csv_text([CSV_COLUMNS, *records])


def to_object(study: str, profile: str, tasks: Sequence[TaskInvariance]) -> dict[str, Any]:
    """The contract of `gclbench invariance --json`; a number that was not measured is null."""
    return {
        "study": study,
        "profile": profile,
        "tasks": [
            {
                "task": each.task.name,
                "data": each.data,
                "reference": each.reference.key,
                "seeds": list(each.seeds),
                "factors": [_panel_object(panel) for panel in each.panels],
            }
            for each in tasks
        ],
    }


def _panel_object(panel: FactorPanel) -> dict[str, Any]:
    return {
        "factor": panel.factor.name,
        "unit": panel.factor.unit,
        "edges": list(panel.edges),
        "bins": list(panel.labels),
        "queries": list(panel.queries),
        "compared_queries": panel.compared,
        "rows": [
            {
                "row": line.key,
                "control": line.control,
                "mAP": [None if cell is None else cell.mean for cell in line.bins],
                "std": [None if cell is None else cell.std for cell in line.bins],
                "drop": _interval_object(line.drop),
                "drop_minus_reference": _interval_object(line.change),
                "damaged": list(line.damaged),
            }
            for line in panel.lines
        ],
    }


def _interval_object(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {
        "mean": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "p_value": interval.p_value,
    }


def _table(report: str, title: str, each: TaskInvariance, profile: str) -> TableData:
    return TableData(
        report=report,
        kind="measured",
        title=f"{title}: retrieval by factor, {each.task.label}",
        caption=(
            f"mAP in percent on {each.data} by what differs between a query and its matches."
        ),
        flags=(),
        panels=tuple(_panel(each, panel) for panel in each.panels),
        footnotes=tuple(_footnotes(each, profile)),
    )


def _panel(each: TaskInvariance, panel: FactorPanel) -> PanelData:
    """Bins, then the drop and what the row buys of it; the first line counts queries."""
    heading = panel.factor.axis
    heads = [*panel.labels, "drop", "change"]
    columns = tuple(Column(panel.factor.name, each.task.setting, heading, name) for name in heads)
    counted = [Entry(str(count)) for count in (*panel.queries, panel.compared)]
    first = _line("queries", "queries", False, [*counted, Entry("")])
    lines = [
        _line(
            line.key,
            line.label,
            line.control,
            _entries(line, each.reference.key),
        )
        for line in panel.lines
    ]
    return PanelData(panel.factor.title.capitalize(), columns, (first, *lines))


def _line(key: str, label: str, control: bool, entries: Sequence[Entry]) -> Line:
    group = CONTROLS if control else ""
    return Line(key, label, group, control, ticks=(), flags=(), entries=tuple(entries))


def _entries(line: FactorLine, reference: str) -> list[Entry]:
    if line.lost:
        return [Entry(DAMAGED, damaged=line.damaged)] * (len(line.bins) + 2)
    return [*map(_bin, line.bins), _interval(line.drop), _change(line, reference)]


def _bin(cell: Cell | None) -> Entry:
    if cell is None:
        return Entry(MISSING)
    several = cell.n_seeds > 1 and cell.std is not None
    text = f"{number(cell.mean)} ± {number(cell.std)}" if several else number(cell.mean)
    return Entry(text, cell=cell)


def _interval(interval: Interval | None) -> Entry:
    if interval is None:
        return Entry(MISSING)
    mean, low, high = map(_signed, (interval.mean, interval.low, interval.high))
    return Entry(f"{mean} ({low} to {high})")


def _signed(value: float) -> str:
    text = number(value)
    return "0.0" if text == "-0.0" else text


def _change(line: FactorLine, reference: str) -> Entry:
    return Entry("reference") if line.key == reference else _interval(line.change)


def _footnotes(each: TaskInvariance, profile: str) -> Iterator[str]:
    seeds = ", ".join(map(str, each.seeds))
    spread = " (mean ± standard deviation)" if len(each.seeds) > 1 else ""
    yield f"Measured by gclbench. Data: {each.data}. Profile: {profile}. Seeds: {seeds}{spread}."
    yield (
        "A bin ranks only the true matches in it (the other ones left out, all strangers kept); "
        "a query without a match in a bin is not counted there."
    )
    yield (
        "drop: nearest minus farthest bin on the queries that have both; clothing: least alike "
        "minus most alike, on different queries. 0 is invariance. In brackets the 95 % bootstrap "
        "interval over queries, and over seeds where there are several."
    )
    yield (
        f"change: the row's drop minus that of '{each.reference.label}', on the same queries and "
        "seeds. Below 0, the row loses less than the reference: invariance that it bought."
    )
    lines = [line for panel in each.panels for line in panel.lines if not line.lost]
    if any(found is None for line in lines for found in (*line.bins, line.drop)):
        yield f"'{MISSING}': no query, or only one, has a true match there."
    labels = {line.key: line.label for panel in each.panels for line in panel.lines}
    sound = {(line.key, each.task.name) for line in lines}
    yield from damage_notes(each.damaged, labels, {each.task.name: each.task.label}, sound)
    yield from each.notes


def _records(
    report: str, each: TaskInvariance, panel: FactorPanel, line: FactorLine
) -> Iterator[list[Any]]:
    task, factor = each.task, panel.factor
    names = [report, line.key, int(line.control), task.setting, task.name, factor.name]
    node = next((cell.node for cell in line.bins if cell is not None), "")
    seeds = next((cell.n_seeds for cell in line.bins if cell is not None), 0)
    tail = [seeds, each.data, node, ";".join(line.damaged)]
    edges = [None, *panel.edges, None]
    for b, (label, cell) in enumerate(zip(panel.labels, line.bins, strict=True)):
        values = (None,) * 4 if cell is None else (cell.mean, cell.std, cell.low, cell.high)
        where = [label, edges[b], edges[b + 1], factor.unit, panel.queries[b]]
        yield [*names, "mAP", *where, *values, None, *tail]
    measures = (("drop", line.drop), (f"drop_minus_{each.reference.key}", line.change))
    for measure, found in measures:
        where = ["", None, None, factor.unit, panel.compared]
        yield [*names, measure, *where, *_interval_numbers(found), *tail]


def _interval_numbers(found: Interval | None) -> list[float | None]:
    """Value, std (none), low, high and p-value."""
    if found is None:
        return [None] * 5
    return [found.mean, None, found.low, found.high, found.p_value]
