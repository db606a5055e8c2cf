"""Retrieval by factor as a picture, one panel a factor: PDF, PNG and SVG, 180 mm wide.

Colours are Okabe and Ito's; each row also has a marker and a dash of its own.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gclbench.reporting import ink
from gclbench.reporting.invariance.data import FactorLine, FactorPanel, TaskInvariance
from gclbench.reporting.own_matplotlib import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_MM, PANELS_MM, LEGEND_LINE_MM = 180.0, 112.0, 4.5
_LEGEND_COLUMNS = 3
_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "h")


def draw(each: TaskInvariance, mark: str = "") -> dict[str, bytes]:
    """Return the picture of one task by format.

    Bins stand in the order of the drop, from easy to hard. Bands, where there are several seeds,
    are 95 % intervals over seeds; one seed has none. A row of which only damaged evaluations are
    left has no line.
    """
    rows = sum(not line.lost for line in each.panels[0].lines)
    height_mm = PANELS_MM + LEGEND_LINE_MM * -(-rows // _LEGEND_COLUMNS)
    return ink.draw(partial(_paint, each), WIDTH_MM, height_mm, mark)


def _paint(each: TaskInvariance, figure: Figure) -> None:
    figure.suptitle(literal(f"{each.task.label} ({each.data})"), fontsize=9)
    grid = figure.subplots(2, 2, sharey=True)  # one scale: a drop looks alike in every panel
    for place, (axes, panel) in enumerate(zip(grid.flat, each.panels, strict=True)):
        _draw_panel(axes, panel, labelled=place == 0)
    for axes in grid[:, 0]:
        axes.set_ylabel("mAP (%)")
    ink.legend(figure, grid[0, 0], loc="outside lower center", ncols=_LEGEND_COLUMNS)


def _draw_panel(axes: Axes, panel: FactorPanel, *, labelled: bool) -> None:
    """Lines over bins; below each bin its edges and how many queries it rests on."""
    order = list(range(len(panel.labels)))
    if panel.factor.easy != 0:  # clothing: its easy bin is the last
        order.reverse()
    for place, line in enumerate(line for line in panel.lines if not line.lost):
        _draw_line(axes, line, place, order, labelled=labelled)
    ticks = [f"{panel.labels[b]}\n({panel.queries[b]})" for b in order]
    axes.set_xticks(range(len(order)), ticks)
    axes.set_xlim(-0.25, len(order) - 0.75)
    axes.grid(axis="y", linewidth=0.3, color="#CCCCCC")
    axes.set_title(panel.factor.title, fontsize=8.5)
    axes.set_xlabel(f"{panel.factor.axis}; (number of queries)")


def _draw_line(
    axes: Axes, line: FactorLine, place: int, order: list[int], *, labelled: bool
) -> None:
    colour = _COLOURS[place % len(_COLOURS)]
    cells = [line.bins[b] for b in order]
    nan = float("nan")
    axes.plot(
        range(len(order)),
        [nan if cell is None else cell.mean for cell in cells],
        color=colour,
        markeredgecolor="white",  # markers that lie on each other stay apart
        markeredgewidth=0.4,
        marker=_MARKERS[place % len(_MARKERS)],
        linestyle=":" if line.control else "-" if place < len(_COLOURS) else "--",
        label=ink.named(_legend(line)) if labelled else None,
    )
    if any(cell is not None and cell.n_seeds > 1 for cell in cells):
        lows = [nan if cell is None or cell.low is None else cell.low for cell in cells]
        highs = [nan if cell is None or cell.high is None else cell.high for cell in cells]
        axes.fill_between(range(len(order)), lows, highs, color=colour, alpha=0.15, linewidth=0)


def _legend(line: FactorLine) -> str:
    return f"{line.label} (control)" if line.control else line.label
