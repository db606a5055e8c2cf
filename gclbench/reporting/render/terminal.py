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

    Where it is too wide, columns of words and ticks are left out first, then tasks go below each
    other.
    """
    blocks = _panels(table, extra=True)
    if width is not None and _width(blocks) > width:
        blocks = _panels(table, extra=False)
    if width is not None and _width(blocks) > width:
        blocks = _panels(_stacked(table), extra=False)
    out = Text.assemble((table.title, "bold"), "\n")
    for block in blocks:
        out.append_text(Text("\n").join([Text(""), *block])).append("\n")
    for note in table.footnotes:
        out.append("\n").append(note, style="dim")
    return out


def _panels(table: TableData, *, extra: bool) -> list[list[Text]]:
    grids = build_grids(table, paint, str, "✓")
    marks = [
        [[_STYLES[entry.mark] for entry in line.entries] for line in panel.lines]
        for panel in table.panels
    ]
    return [_block(grid, mark, extra=extra) for grid, mark in zip(grids, marks, strict=True)]


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


def _block(grid: Grid, marks: list[list[str]], *, extra: bool) -> list[Text]:
    texts, flags = (grid.texts, grid.flags) if extra else ((), ())
    heads = ["", *texts, *flags, *grid.metrics]
    body = [
        [_label(line), *((*line.texts, *line.ticks) if extra else ()), *line.cells]
        for line in grid.lines
    ]
    widths = [max(cell_len(row[i]) for row in [heads, *body]) for i in range(len(heads))]
    words, first = 1 + len(texts), 1 + len(texts) + len(flags)
    for span in grid.task_spans:
        columns = range(first, first + span.width)
        room = sum(widths[i] for i in columns) + len(_GAP) * (span.width - 1)
        for more in range(max(0, cell_len(span.text) - room)):  # a heading may ask for more room
            widths[columns[more % span.width]] += 1
        first += span.width
    total = sum(widths) + len(_GAP) * (len(widths) - 1)
    lead = words + len(flags)
    lines = [Text(grid.title, style="bold"), _over(grid, widths, lead)]
    lines += [_row(heads, widths, ["dim"] * len(heads), words), Text("─" * total)]
    for line, row, styles in zip(grid.lines, body, marks, strict=True):
        if line.rule:
            lines.append(Text("─" * total))
        if line.group:
            lines.append(Text(line.group, style="dim"))
        lines.append(_row(row, widths, [*[""] * lead, *styles], words))
    return lines


def _label(line: GridLine) -> str:
    return f"  {line.label}"


def _over(grid: Grid, widths: list[int], first: int) -> Text:
    """The line with each task's heading centred over its columns, from column `first` on."""
    text = Text(" " * (sum(widths[:first]) + len(_GAP) * (first - 1)))
    for span in grid.task_spans:
        room = sum(widths[first : first + span.width]) + len(_GAP) * (span.width - 1)
        text.append(_GAP).append(span.text.center(room))
        first += span.width
    text.rstrip()
    return text


def _row(cells: list[str], widths: list[int], styles: list[str], words: int) -> Text:
    """One line; the first `words` columns are set left, the others right."""
    text = Text()
    for i, (cell, width, style) in enumerate(zip(cells, widths, styles, strict=True)):
        pad = " " * (width - cell_len(cell))
        if i:
            text.append(_GAP)
        if i >= words:
            text.append(pad)
        text.append(cell, style=style)
        if i < words:
            text.append(pad)
    text.rstrip()
    return text
