"""The terminal: aligned columns with bold and underline, readable without either."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len
from rich.text import Text

from gclbench.reporting.origin import legend, short_names
from gclbench.reporting.render.grid import Grid, GridLine, build_grids
from gclbench.reporting.table import Entry, Mark, PanelData, TableData
from gclbench.shown_text import one_line

_GAP = "  "
_LEAST_LABEL = 10
_STYLES = {Mark.BEST: "bold", Mark.SECOND: "underline", Mark.NONE: ""}


def render(table: TableData, width: int | None = None) -> Text:
    """Return the table as rich text that fits into `width` columns; None: as wide as it is.

    Where it is too wide, columns of words and ticks are left out first, then tasks go below each
    other, then labels take several lines. Twins have short names here, which a note explains.
    """
    headings = [column.heading for panel in table.panels for column in panel.columns]
    blocks = _fitting(table, width)
    out = Text("\n".join(wrapped(one_line(table.title), width)), "bold").append("\n")
    for block in blocks:
        out.append_text(Text("\n").join([Text(""), *block])).append("\n")
    names = legend(headings)
    for note in (*([f"{names}."] if names else []), *table.footnotes):
        out.append("\n").append("\n".join(wrapped(one_line(note), width)), style="dim")
    return out


def wrapped(text: str, width: int | None, indent: str = "  ") -> list[str]:
    """Break text between words, never inside one; what follows the first line is set in."""
    if width is None or cell_len(text) <= width:
        return [text]
    lead = " " * (len(text) - len(text.lstrip(" ")))
    lines, room, indent = [""], 0, lead + indent
    for number, word in enumerate(text.removeprefix(lead).split(" ")):
        word = word if number else lead + word
        used = cell_len(word)
        if lines[-1] and room + 1 + used > width:
            lines.append(indent)
            room = len(indent)
        elif lines[-1]:
            lines[-1] += " "
            room += 1
        lines[-1] += word
        room += used
    return lines


def _fitting(table: TableData, width: int | None) -> list[list[Text]]:
    """The first layout of a table that is narrow enough, or the narrowest there is."""
    blocks = _panels(table, extra=True)
    if width is not None and _width(blocks) > width:
        blocks = _panels(table, extra=False)
    if width is not None and _width(blocks) > width:
        blocks = _panels(_stacked(table), extra=False)
    for most in (None, 2, 1):  # columns of one task beside each other
        if width is not None and _width(blocks) > width:
            blocks = _panels(_stacked(table, most), extra=False, width=width)
    return blocks


def _panels(table: TableData, *, extra: bool, width: int | None = None) -> list[list[Text]]:
    grids = build_grids(table, paint, lambda text: short_names(one_line(text)), "✓")
    marks = [
        [[_STYLES[entry.mark] for entry in line.entries] for line in panel.lines]
        for panel in table.panels
    ]
    return [
        _block(grid, mark, extra=extra, width=width)
        for grid, mark in zip(grids, marks, strict=True)
    ]


def _width(blocks: list[list[Text]]) -> int:
    return max((cell_len(line.plain) for block in blocks for line in block), default=0)


def _stacked(table: TableData, most: int | None = None) -> TableData:
    """The same table with one task per panel, and at most so many columns of it."""
    panels: list[PanelData] = []
    for panel in table.panels:
        for task in dict.fromkeys(column.task for column in panel.columns):
            found = [i for i, column in enumerate(panel.columns) if column.task == task]
            each = most or len(found)
            parts = [found[first : first + each] for first in range(0, len(found), each)]
            panels += [_part(panel, keep) for keep in parts]
    return replace(table, panels=tuple(panels))


def _part(panel: PanelData, keep: list[int]) -> PanelData:
    lines = tuple(
        replace(line, entries=tuple(line.entries[i] for i in keep)) for line in panel.lines
    )
    return PanelData(panel.title, tuple(panel.columns[i] for i in keep), lines)


def paint(entry: Entry) -> str:
    text = one_line(entry.text)
    return f"{text} ≈" if entry.tie else text


def _block(
    grid: Grid, marks: list[list[str]], *, extra: bool, width: int | None = None
) -> list[Text]:
    texts, flags = (grid.texts, grid.flags) if extra else ((), ())
    heads = ["", *texts, *flags, *grid.metrics]
    body = [
        [_label(line), *((*line.texts, *line.ticks) if extra else ()), *line.cells]
        for line in grid.lines
    ]
    widths = [max(cell_len(row[i]) for row in [heads, *body]) for i in range(len(heads))]
    if width is not None:  # labels give way, but for one word of usual length
        rest = sum(widths[1:]) + len(_GAP) * len(widths[1:])
        widths[0] = max(_LEAST_LABEL, min(widths[0], width - rest))
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
        label, *below = wrapped(row[0].strip(), widths[0] - 2, " ")
        row[0] = f"  {label}"
        lines.append(_row(row, widths, [*[""] * lead, *styles], words))
        lines += [Text(f"  {part}") for part in below]
    return lines


def _label(line: GridLine) -> str:
    return f"  {line.label}"


def _over(grid: Grid, widths: list[int], first: int) -> Text:
    """The line with each task's heading centred over its columns, from column `first` on."""
    text = Text(" " * (sum(widths[:first]) + len(_GAP) * (first - 1)))
    for span in grid.task_spans:
        room = sum(widths[first : first + span.width]) + len(_GAP) * (span.width - 1)
        text.append(_GAP).append(_centred(span.text, room))
        first += span.width
    text.rstrip()
    return text


def _centred(text: str, room: int) -> str:
    """As `str.center`, in columns of the terminal."""
    free = max(0, room - cell_len(text))
    left = free // 2 + (free & room & 1)
    return " " * left + text + " " * (free - left)


def _row(cells: list[str], widths: list[int], styles: list[str], words: int) -> Text:
    """One line; the first `words` columns are set left, the others right."""
    text = Text()
    for i, (cell, width, style) in enumerate(zip(cells, widths, styles, strict=True)):
        pad = " " * max(0, width - cell_len(cell))
        if i:
            text.append(_GAP)
        if i >= words:
            text.append(pad)
        text.append(cell, style=style)
        if i < words:
            text.append(pad)
    text.rstrip()
    return text
