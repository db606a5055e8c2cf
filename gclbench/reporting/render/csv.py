"""Tidy CSV: one measured number per line, in the columns of baselines/published/<table>.csv.

After these come std, low, high (95 % interval), n_seeds, data (what it was measured on), node
(artifact keys), damaged (keys of evaluations whose stored numbers cannot be: they have no part
in the number) and untrained (which stages took no step in cells that have no part either); then
how it was measured: seeds, profile, settings (what was set for every row, as words), cpu, device
and version of gclbench. Numbers keep full precision; one that was not measured, is damaged or is
another encoder's, is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gclbench.errors import UsageError
from gclbench.reporting.computed import joined
from gclbench.reporting.csv_text import csv_text
from gclbench.reporting.table import Entry, Line, TableData
from gclbench.schema.overrides import write_overrides

MEASURED = ("std", "low", "high", "n_seeds", "data", "node", "damaged", "untrained")
HOW = ("seeds", "profile", "settings", "cpu", "device", "version")


def render(tables: Sequence[TableData]) -> str:
    """Return CSV text. All tables must have the same flag columns (they are one report)."""
    flags = {tuple(name for name, _ in line.flags) for line in _lines(tables)}
    if len(flags) > 1:
        raise UsageError("tables with different flag columns do not fit into one CSV file.")
    names = next(iter(flags), ())
    head = ["table", "row_key", *names, "setting", "dataset", "metric", "value", *MEASURED, *HOW]
    return csv_text([head, *(record for table in tables for record in _records(table))])


def _lines(tables: Sequence[TableData]) -> Iterator[Line]:
    return (line for table in tables for panel in table.panels for line in panel.lines)


def _records(table: TableData) -> Iterator[list[Any]]:
    settings = " ".join(write_overrides(table.settings))
    for panel in table.panels:
        for line in panel.lines:
            flags = [value for _, value in line.flags]
            for column, entry in zip(panel.columns, line.entries, strict=True):
                name = [column.setting, column.task, column.metric]
                how = _how(entry, table.profile, settings)
                yield [table.report, line.key, *flags, *name, *_measured(entry), *how]


def _measured(entry: Entry) -> list[Any]:
    cell, damaged = entry.cell, ";".join(entry.damaged)
    if cell is None:
        return [None, None, None, None, 0, "", "", damaged, entry.untrained]
    numbers = [cell.mean, cell.std, cell.low, cell.high, cell.n_seeds]
    return [*numbers, cell.data, cell.node, damaged, entry.untrained]


def _how(entry: Entry, profile: str, settings: str) -> list[str]:
    cell = entry.cell
    if cell is None:
        return ["", profile, settings, "", "", ""]
    seeds = ";".join(map(str, cell.seeds))
    where = [joined(cell.computed, name) for name in ("cpu", "device", "gclbench")]
    return [seeds, profile, settings, *where]
