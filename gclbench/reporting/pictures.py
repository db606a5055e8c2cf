"""Grids as files: PNG from the drawn pixels, PDF and SVG with real text and untouched tiles."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gclbench.errors import UnknownNameError
from gclbench.reporting.grid import (
    FONT_PX,
    GAP_PX,
    MARK_COLOUR,
    GridPlan,
    ImageGrid,
    draw_grid,
    plan_grid,
    stack,
)
from gclbench.reporting.ink import METADATA, style
from gclbench.shown_text import one_line

DPI = 100


def picture_bytes(grids: Sequence[ImageGrid], kind: str) -> bytes:
    """Return grids, one below the other, as a file of `kind`: png, pdf or svg.

    Raises UnknownNameError for another kind.
    """
    if kind not in PICTURES:
        raise UnknownNameError("picture format", kind, PICTURES)
    return PICTURES[kind](grids)


def _png(grids: Sequence[ImageGrid]) -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    out, facts = io.BytesIO(), PngInfo()
    if origin := _origin(grids):
        facts.add_itxt("Description", origin)
    picture = Image.fromarray(stack([draw_grid(grid) for grid in grids]))
    picture.save(out, "PNG", pnginfo=facts)
    return out.getvalue()


def _vector(grids: Sequence[ImageGrid], kind: str) -> bytes:
    # Text stays text in SVG, and its ids are drawn from a fixed salt.
    with style({"svg.fonttype": "none"}):
        return _drawn(grids, kind)


def _drawn(grids: Sequence[ImageGrid], kind: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plans = [plan_grid(grid) for grid in grids]
    width, height = max(plan.width for plan in plans), sum(plan.height for plan in plans)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    below = 0
    for grid, plan in zip(grids, plans, strict=True):
        _put(axes, grid, plan, below)
        below += plan.height
    out = io.BytesIO()
    told = {"pdf": "Subject", "svg": "Description"}
    facts = {**METADATA[kind], told[kind]: _origin(grids) or None}
    figure.savefig(out, format=kind, metadata=facts, dpi=DPI)
    return out.getvalue()


def _origin(grids: Sequence[ImageGrid]) -> str:
    """What the pictures were made by, for the file alone."""
    return one_line("; ".join(dict.fromkeys(grid.origin for grid in grids if grid.origin)))


def _put(axes: Any, grid: ImageGrid, plan: GridPlan, below: int) -> None:
    for row, column in np.ndindex(*grid.tiles.shape[:2]):
        x, y = plan.corner(row, column)
        extent = (x, x + plan.tile[0], below + y + plan.tile[1], below + y)
        axes.imshow(grid.tiles[row, column], extent=extent, aspect="auto", interpolation="none")
    size = FONT_PX * 72 / DPI  # points are 1/72 inch
    axes.text(GAP_PX, below + GAP_PX, plan.mark, fontsize=size, va="top", color=MARK_COLOUR)
    for x, y, line in plan.texts:
        axes.text(x, below + y, line, fontsize=size, va="top", parse_math=False)
    for x0, x1, y in plan.rules:
        axes.plot((x0, x1), (below + y, below + y), color="gray", linewidth=0.7)
    # imshow moves the limits to its own tile.
    axes.set(xlim=(0, axes.figure.get_figwidth() * DPI), autoscale_on=False)
    axes.set(ylim=(axes.figure.get_figheight() * DPI, 0))


PICTURES: dict[str, Callable[[Sequence[ImageGrid]], bytes]] = {
    "png": _png,
    "pdf": lambda grids: _vector(grids, "pdf"),
    "svg": lambda grids: _vector(grids, "svg"),
}
