"""The ink of line plots: FigureData -> PDF, PNG and SVG."""

from __future__ import annotations

import textwrap
from functools import partial
from typing import TYPE_CHECKING

from gclbench.reporting.ink import COLUMN_MM, GREY, MARKERS, PAGE_MM, draw_grid, named, palette
from gclbench.reporting.lines import FigureData, LinePanel
from gclbench.reporting.own_matplotlib import literal
from gclbench.shown_text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STATED = "the paper's choice"
_LETTERS_PER_MM = 0.65  # of a note's type


def draw_figure(data: FigureData) -> dict[str, bytes]:
    """Return the figure as bytes by format; one column wide, both where panels stand abreast."""
    abreast = max(len(row) for row in data.panels)
    rows = [[partial(draw_panel, data=panel) for panel in row] for row in data.panels]
    width_mm = COLUMN_MM if abreast == 1 else PAGE_MM
    without = textwrap.wrap(one_line(data.without), round(width_mm * _LETTERS_PER_MM))
    return draw_grid(
        rows,
        width_mm=width_mm,
        height_mm=65.0,
        note="\n".join(filter(None, [one_line(data.note), *without])),
        shared_legend=True,
        mark=data.mark,
    )


def draw_panel(axes: Axes, data: LinePanel) -> None:
    """Lines with their points and, over several seeds, bands; the paper's choice is dotted."""
    if data.stated is not None:
        axes.axvline(
            data.stated,
            color=GREY,
            linewidth=0.8,
            linestyle=":",
            label=named("the paper's choice"),
        )
    colours = palette(len(data.lines))
    for line, colour, marker in zip(data.lines, colours, MARKERS * 9, strict=False):
        axes.plot(line.x, line.y, marker=marker, color=colour, label=named(line.label))
        if line.low:
            axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.2, linewidth=0)
    axes.set(xlabel=literal(data.x_label), ylabel=literal(data.y_label))
    values = sorted({x for line in data.lines for x in line.x})
    if len(values) <= 12:
        axes.set_xticks(values, [f"{value:g}" for value in values])
