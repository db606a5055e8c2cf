"""A table as data: what every renderer draws, and the only place where its numbers are decided.

Values are percentages (0-100), shown with one decimal as in the paper. Marks follow the shown
value, so two rows that print the same number carry the same mark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any, Literal

from gclbench.reporting.computed import Computed, computed_notes
from gclbench.reporting.damaged import DAMAGED, Damaged, damage_notes, keys_of
from gclbench.schema import Layout, Panel, Task

MISSING = "-"
CONTROLS = "controls (ours)"
DECIMALS = 1
COUNTS = ("N",)  # whole numbers, of which none is the best


@dataclass(frozen=True)
class Cell:
    """A measured number over seeds, 0-100; bounds are of the 95 % interval.

    `std` is None with one seed. `node` names the artifact keys behind it, `data` what it was
    measured on, `seeds` which seeds, `computed` for each of them what its stages ran on.
    """

    mean: float
    std: float | None = None
    low: float | None = None
    high: float | None = None
    n_seeds: int = 1
    node: str = ""
    data: str = ""
    seeds: tuple[int, ...] = ()
    computed: tuple[Computed, ...] = ()


Scores = Mapping[tuple[str, str, str], Cell | None]


@dataclass(frozen=True)
class RowInfo:
    """A row of the report: `flags` are the extra columns of the published file, in its order.

    `tasks` names the tasks that the row is run on; empty: all.
    """

    key: str
    label: str
    control: bool = False
    flags: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()


class Mark(StrEnum):
    """How a number stands among the rows that are not controls."""

    BEST = "best"
    SECOND = "second"
    NONE = "none"


@dataclass(frozen=True)
class Entry:
    """One number as shown; `tie` says that its interval meets the best row's interval.

    `asked` is False where the study does not run the row; the text is then empty. `damaged` holds
    the keys of nodes whose stored numbers cannot be: the cell does without them; `untrained` says
    which stages took no step in cells that it does without too.
    """

    text: str
    mark: Mark = Mark.NONE
    tie: bool = False
    cell: Cell | None = None
    asked: bool = True
    damaged: tuple[str, ...] = ()
    untrained: str = ""


@dataclass(frozen=True)
class Column:
    """One metric of one task. `heading` names the data that the numbers below were measured on."""

    task: str
    setting: str
    heading: str
    metric: str


@dataclass(frozen=True)
class FlagHead:
    label: str
    group: str


@dataclass(frozen=True)
class Line:
    """One row of a panel; `group` is the heading it belongs to ('' for none).

    `texts` and `ticks` stand beside the label; `flags` are all extra columns, shown or not.
    """

    key: str
    label: str
    group: str
    control: bool
    ticks: tuple[bool, ...]
    flags: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class PanelData:
    """Tasks that stand side by side; panels of a table stand below each other, as in the paper."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]

    @property
    def headings(self) -> tuple[tuple[str, int], ...]:
        """Each task's heading with the number of columns it spans."""
        spans: list[tuple[str, str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.task:
                task, heading, width = spans[-1]
                spans[-1] = (task, heading, width + 1)
            else:
                spans.append((column.task, column.heading, 1))
        return tuple((heading, width) for _, heading, width in spans)


@dataclass(frozen=True)
class TableData:
    """A whole table, measured or published, never both.

    `profile` and `settings` (what was set for all rows, by dotted name) say how it was measured.
    """

    report: str
    kind: Literal["measured", "published"]
    title: str
    caption: str
    flags: tuple[FlagHead, ...]
    panels: tuple[PanelData, ...]
    footnotes: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    profile: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_groups(self) -> bool:
        return any(line.group for panel in self.panels for line in panel.lines)


def build_table(
    layout: Layout,
    rows: Sequence[RowInfo],
    tasks: Sequence[Task],
    scores: Scores,
    *,
    data_labels: Mapping[str, str] | None = None,
    seeds: Sequence[int] = (),
    profile: str = "",
    settings: Mapping[str, Any] | None = None,
    damaged: Sequence[Damaged] = (),
    instead: Mapping[tuple[str, str, str], Entry] | None = None,
) -> TableData:
    """Lay measured scores out.

    `scores` maps (row key, task name, metric) to a Cell; a pair that is absent or None is shown as
    '-', and as nothing where the row is not run on the task. `data_labels` maps a task's name to
    the data it was measured on, which then is the column heading: a synthetic number never stands
    under a real dataset's name. Panels keep only the tasks given, and rows that run on one of
    them; controls go below the other rows. `damaged` names evaluations that have no part in
    `scores`: a pair that has nothing else is shown as 'damaged'. `instead`, by the keys of
    `scores`, is what stands where there is no score (see `untrained.entries_of`).
    """
    labels = data_labels or {}
    known = {task.name: task for task in tasks}
    sound = {(row, task) for (row, task, _), cell in scores.items() if cell is not None}
    panels = tuple(
        _with_damage(
            _panel(layout, panel, rows, known, scores, labels, instead or {}), damaged, sound
        )
        for panel in layout.panels
        if any(name in known for name in panel.tasks)
    )
    shown = {n: known[n] for panel in layout.panels for n in panel.tasks if n in known}
    return TableData(
        report=layout.report,
        kind="measured",
        profile=profile,
        settings=settings or {},
        title=layout.title,
        caption=layout.caption,
        flags=tuple(FlagHead(flag.label, flag.group) for flag in layout.flags),
        panels=panels,
        footnotes=(
            *_footnotes(panels, shown, labels, rows, seeds, profile),
            *_damage_notes(damaged, rows, shown, sound),
        ),
        texts=tuple(text.label for text in layout.texts),
    )


def number(value: float | None, metric: str = "") -> str:
    """Return a number as the tables show it: counts are whole, percentages have one decimal."""
    decimals = 0 if metric in COUNTS else DECIMALS
    return MISSING if value is None or math.isnan(value) else f"{value:.{decimals}f}"


def mark_columns(lines: Sequence[Line], columns: Sequence[Column]) -> tuple[Line, ...]:
    """Set best, second and tie in every column, looking only at rows that are not controls.

    Columns of counts stay unmarked.
    """
    if not lines:
        return ()
    by_column = zip(*(line.entries for line in lines), strict=True)
    marked = [
        entries if column.metric in COUNTS else _marked(entries, lines)
        for column, entries in zip(columns, by_column, strict=True)
    ]
    by_line = zip(*marked, strict=True)
    return tuple(
        replace(line, entries=entries) for line, entries in zip(lines, by_line, strict=True)
    )


def _panel(
    layout: Layout,
    panel: Panel,
    rows: Sequence[RowInfo],
    tasks: Mapping[str, Task],
    scores: Scores,
    labels: Mapping[str, str],
    instead: Mapping[tuple[str, str, str], Entry],
) -> PanelData:
    columns = tuple(
        Column(name, tasks[name].setting, labels.get(name, tasks[name].label), metric)
        for name in panel.tasks
        if name in tasks
        for metric in layout.metrics
    )
    ordered = [row for row in rows if not row.control] + [row for row in rows if row.control]
    lines = []
    for row in ordered:
        entries = [
            _entry((row.key, c.task, c.metric), scores, instead)
            if not row.tasks or c.task in row.tasks
            else Entry("", asked=False)
            for c in columns
        ]
        if any(entry.asked for entry in entries):
            lines.append(line_of(layout, row, entries))
    return PanelData(panel.title, columns, mark_columns(lines, columns))


def line_of(layout: Layout, row: RowInfo, entries: Sequence[Entry]) -> Line:
    """Return an unmarked line with its words, ticks and group."""
    return Line(
        key=row.key,
        label=row.label,
        group=CONTROLS if row.control else layout.row_groups.get(row.key, ""),
        control=row.control,
        ticks=tuple(row.flags.get(flag.column) == "1" for flag in layout.flags),
        flags=tuple(row.flags.items()),
        entries=tuple(entries),
        texts=tuple(row.flags.get(text.column, "") for text in layout.texts),
    )


def _entry(
    key: tuple[str, str, str], scores: Scores, instead: Mapping[tuple[str, str, str], Entry]
) -> Entry:
    cell, metric, other = scores.get(key), key[2], instead.get(key, Entry(MISSING))
    if cell is None or math.isnan(cell.mean):
        return other
    spread = cell.n_seeds > 1 and cell.std is not None and not math.isnan(cell.std)
    mean, std = number(cell.mean, metric), number(cell.std, metric)
    text = f"{mean} ± {std}" if spread else mean
    return Entry(text, cell=cell, untrained=other.untrained)


def _with_damage(
    panel: PanelData, damaged: Sequence[Damaged], sound: Set[tuple[str, str]]
) -> PanelData:
    """Say in a panel's entries what is damaged; `sound` holds the (row, task) with a number."""

    def entry(line: Line, column: Column, before: Entry) -> Entry:
        keys = keys_of(damaged, line.key, column.task) if before.asked else ()
        lost = keys and (line.key, column.task) not in sound
        return replace(before, text=DAMAGED if lost else before.text, damaged=keys)

    lines = tuple(
        replace(line, entries=tuple(map(partial(entry, line), panel.columns, line.entries)))
        for line in panel.lines
    )
    return replace(panel, lines=lines)


def _marked(entries: Sequence[Entry], lines: Sequence[Line]) -> list[Entry]:
    ranked = {
        i: round(entry.cell.mean, DECIMALS)
        for i, entry in enumerate(entries)
        if entry.cell is not None and not lines[i].control
    }
    values = sorted(set(ranked.values()), reverse=True)
    if len(values) < 2:
        return list(entries)
    best = [i for i in ranked if ranked[i] == values[0]]
    marked = list(entries)
    for i, value in ranked.items():
        if value == values[0]:
            marked[i] = replace(marked[i], mark=Mark.BEST)
        else:
            mark = Mark.SECOND if value == values[1] else Mark.NONE
            tie = any(_intervals_meet(entries[i].cell, entries[b].cell) for b in best)
            marked[i] = replace(marked[i], mark=mark, tie=tie)
    return marked


def _intervals_meet(one: Cell | None, other: Cell | None) -> bool:
    """Whether the 95 % intervals over seeds overlap; with one seed nothing can be said."""
    if one is None or other is None or min(one.n_seeds, other.n_seeds) < 2:
        return False
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low <= other.high and other.low <= one.high


def _footnotes(
    panels: Sequence[PanelData],
    tasks: Mapping[str, Task],
    labels: Mapping[str, str],
    rows: Sequence[RowInfo],
    seeds: Sequence[int],
    profile: str,
) -> list[str]:
    data = [f"{task.label} = {labels[name]}" for name, task in tasks.items() if name in labels]
    notes = [f"Measured by gclbench. Data: {'; '.join(data)}."] if data else []
    if profile:
        notes.append(f"Profile: {profile}.")
    cells = [e.cell for panel in panels for line in panel.lines for e in line.entries if e.cell]
    if seeds:
        notes.append(_seed_note(seeds, cells))
    by_node = {cell.node: cell.computed for cell in cells}  # a node stands in several columns
    notes += computed_notes(each for computed in by_node.values() for each in computed)
    entries = [e for panel in panels for line in panel.lines for e in line.entries]
    if any(e.mark is Mark.BEST for e in entries):
        notes.append("Best in bold, second underlined, per column; controls take no part.")
    if any(e.tie for e in entries):
        notes.append("≈: the 95 % interval over seeds meets that of the best.")
    if any(row.control for row in rows):
        notes.append(f"Rows under '{CONTROLS}' are not rows of the paper.")
    asked = sum(entry.asked for entry in entries)
    missing = sum(entry.text == MISSING for entry in entries)
    if missing:
        notes.append(f"'{MISSING}': not measured ({missing} of {asked} numbers).")
    if asked < len(entries):
        notes.append("Empty: the study does not run that row there.")
    return notes


def _damage_notes(
    damaged: Sequence[Damaged],
    rows: Sequence[RowInfo],
    tasks: Mapping[str, Task],
    sound: Set[tuple[str, str]],
) -> list[str]:
    labels = {row.key: row.label for row in rows}
    found = [each for each in damaged if each.row in labels and each.task in tasks]
    names = {name: task.label for name, task in tasks.items()}
    return damage_notes(found, labels, names, sound)


def _seed_note(seeds: Sequence[int], cells: Sequence[Cell]) -> str:
    listed = ", ".join(str(seed) for seed in seeds)
    if len(seeds) == 1:
        return f"Seed: {listed}. One seed cannot tell small differences from chance."
    note = f"Seeds: {listed} (mean ± standard deviation)."
    short = sum(cell.n_seeds < len(seeds) for cell in cells)
    return f"{note} {short} numbers rest on fewer seeds." if short else note
