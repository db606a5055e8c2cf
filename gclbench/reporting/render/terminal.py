"""The terminal: aligned columns with bold and underline, readable without either."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len
from rich.text import Text

from gclbench.reporting.render.grid import Grid, GridLine, build_grids
from gclbench.reporting.table import Entry, Mark, PanelData, TableData

_GAP = "  "
_STYLES = {Mark.BEST: "bold", Mark.SECOND: "underline", Mark.NONE: ""}


def render(table: TableData, width: int | None = None) -> Text:
    """Return the table as rich text that fits into `width` columns as far as possible.

    Where it is too wide, tick columns are left out first, then tasks go below each other.
    """
    blocks = _panels(table, ticks=True)
    if width is not None and _width(blocks) > width:
        blocks = _panels(table, ticks=False)
    if width is not None and _width(blocks) > width:
        blocks = _panels(_stacked(table), ticks=False)
    out = Text.assemble((table.title, "bold"), "\n")
    for block in blocks:
        out.append_text(Text("\n").join([Text(""), *block])).append("\n")
    for note in table.footnotes:
        out.append("\n").append(note, style="dim")
    return out


def _panels(table: TableData, *, ticks: bool) -> list[list[Text]]:
    grids = build_grids(table, paint, str, "✓")
    marks = [
        [[_STYLES[entry.mark] for entry in line.entries] for line in panel.lines]
        for panel in table.panels
    ]
    return [_block(grid, mark, ticks=ticks) for grid, mark in zip(grids, marks, strict=True)]


def _width(blocks: list[list[Text]]) -> int:
    return max((cell_len(line.plain) for block in blocks for line in block), default=0)


def _stacked(table: TableData) -> TableData:
    """The same table with one task per panel."""
    panels: list[PanelData] = []
    for panel in table.panels:
        for task in dict.fromkeys(column.task for column in panel.columns):
            keep = [i for i, column in enumerate(panel.columns) if column.task == task]
            lines = tuple(
                replace(line, entries=tuple(line.entries[i] for i in keep)) for line in panel.lines
            )
            columns = tuple(panel.columns[i] for i in keep)
            panels.append(PanelData(panel.title, columns, lines))
    return replace(table, panels=tuple(panels))


def paint(entry: Entry) -> str:
    return f"{entry.text} ≈" if entry.tie else entry.text


def _block(grid: Grid, marks: list[list[str]], *, ticks: bool) -> list[Text]:
    flags = grid.flags if ticks else ()
    heads = ["", *flags, *grid.metrics]
    body = [[_label(line), *(line.ticks if ticks else ()), *line.cells] for line in grid.lines]
    widths = [max(cell_len(row[i]) for row in [heads, *body]) for i in range(len(heads))]
    first = 1 + len(flags)
    for span in grid.task_spans:
        columns = range(first, first + span.width)
        room = sum(widths[i] for i in columns) + len(_GAP) * (span.width - 1)
        for extra in range(max(0, cell_len(span.text) - room)):  # a heading may ask for more room
            widths[columns[extra % span.width]] += 1
        first += span.width
    total = sum(widths) + len(_GAP) * (len(widths) - 1)
    lines = [Text(grid.title, style="bold"), _over(grid, widths, len(flags))]
    lines += [_row(heads, widths, ["dim"] * len(heads)), Text("─" * total)]
    for line, row, styles in zip(grid.lines, body, marks, strict=True):
        if line.rule:
            lines.append(Text("─" * total))
        if line.group:
            lines.append(Text(line.group, style="dim"))
        lines.append(_row(row, widths, ["", *[""] * len(flags), *styles]))
    return lines


def _label(line: GridLine) -> str:
    return f"  {line.label}"


def _over(grid: Grid, widths: list[int], flags: int) -> Text:
    """The line with each task's heading centred over its columns."""
    lead = sum(widths[: 1 + flags]) + len(_GAP) * flags
    text = Text(" " * lead)
    first = 1 + flags
    for span in grid.task_spans:
        room = sum(widths[first : first + span.width]) + len(_GAP) * (span.width - 1)
        text.append(_GAP).append(span.text.center(room))
        first += span.width
    text.rstrip()
    return text


def _row(cells: list[str], widths: list[int], styles: list[str]) -> Text:
    text = Text()
    for i, (cell, width, style) in enumerate(zip(cells, widths, styles, strict=True)):
        pad = " " * (width - cell_len(cell))
        if i:
            text.append(_GAP + pad)
        text.append(cell, style=style)
        if not i:
            text.append(pad)
    text.rstrip()
    return text
