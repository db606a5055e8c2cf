"""A panel as a grid of strings, ready for a template: groups, ticks and marks resolved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from gclbench.reporting.table import Entry, Line, PanelData, TableData


@dataclass(frozen=True)
class GridLine:
    """`rule` asks for a line above; `group` is filled in the first row of its group only."""

    rule: bool
    group: str
    label: str
    control: bool
    texts: tuple[str, ...]
    ticks: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """A heading over `width` columns; `first` and `last` count from 1 in the whole grid."""

    text: str
    width: int
    first: int
    last: int


@dataclass(frozen=True)
class Grid:
    title: str
    has_groups: bool
    texts: tuple[str, ...]
    flag_spans: tuple[Span, ...]
    flags: tuple[str, ...]
    task_spans: tuple[Span, ...]
    metrics: tuple[str, ...]
    lines: tuple[GridLine, ...]

    @property
    def lead(self) -> int:
        """Columns of words before ticks and numbers: group (when there is one), label, texts."""
        return int(self.has_groups) + 1 + len(self.texts)

    @property
    def columns(self) -> int:
        """Columns in all."""
        return self.lead + len(self.flags) + len(self.metrics)


def build_grids(
    table: TableData, paint: Callable[[Entry], str], escape: Callable[[str], str], tick: str
) -> list[Grid]:
    """Return one grid per panel. `paint` turns an entry into ink, `escape` any other text."""
    return [_grid(table, panel, paint, escape, tick) for panel in table.panels]


def _grid(
    table: TableData,
    panel: PanelData,
    paint: Callable[[Entry], str],
    escape: Callable[[str], str],
    tick: str,
) -> Grid:
    lead = int(table.has_groups) + 1 + len(table.texts)
    groups = [(text, len(list(run))) for text, run in groupby(flag.group for flag in table.flags)]
    return Grid(
        title=escape(panel.title),
        has_groups=table.has_groups,
        texts=tuple(escape(text) for text in table.texts),
        flag_spans=_spans(groups, lead, escape),
        flags=tuple(escape(flag.label) for flag in table.flags),
        task_spans=_spans(panel.headings, lead + len(table.flags), escape),
        metrics=tuple(escape(column.metric) for column in panel.columns),
        lines=_lines(panel.lines, paint, escape, tick),
    )


def _spans(
    headings: Sequence[tuple[str, int]], offset: int, escape: Callable[[str], str]
) -> tuple[Span, ...]:
    spans: list[Span] = []
    first = offset + 1
    for text, width in headings:
        spans.append(Span(escape(text), width, first, first + width - 1))
        first += width
    return tuple(spans)


def _lines(
    lines: Sequence[Line], paint: Callable[[Entry], str], escape: Callable[[str], str], tick: str
) -> tuple[GridLine, ...]:
    drawn: list[GridLine] = []
    before: Line | None = None
    for line in lines:
        new = before is None or line.group != before.group
        drawn.append(
            GridLine(
                rule=new and before is not None,
                group=escape(line.group) if new else "",
                label=escape(line.label),
                control=line.control,
                texts=tuple(escape(text) for text in line.texts),
                ticks=tuple(tick if ticked else "" for ticked in line.ticks),
                cells=tuple(paint(entry) for entry in line.entries),
            )
        )
        before = line
    return tuple(drawn)
