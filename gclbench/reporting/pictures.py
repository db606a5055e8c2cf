"""Grids as files: PNG from the drawn pixels, PDF and SVG with real text and untouched tiles."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gclbench.errors import UnknownNameError
from gclbench.reporting.grid import FONT_PX, GridPlan, ImageGrid, draw_grid, plan_grid, stack

DPI = 100
# Dates and random ids stay out: the same grids give the same bytes.
_METADATA: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}


def picture_bytes(grids: Sequence[ImageGrid], kind: str) -> bytes:
    """Return grids, one below the other, as a file of `kind`: png, pdf or svg.

    Raises UnknownNameError for another kind.
    """
    if kind not in PICTURES:
        raise UnknownNameError("picture format", kind, PICTURES)
    return PICTURES[kind](grids)


def _png(grids: Sequence[ImageGrid]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(stack([draw_grid(grid) for grid in grids])).save(out, "PNG")
    return out.getvalue()


def _vector(grids: Sequence[ImageGrid], kind: str) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure

    plans = [plan_grid(grid) for grid in grids]
    width, height = max(plan.width for plan in plans), sum(plan.height for plan in plans)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    below = 0
    for grid, plan in zip(grids, plans, strict=True):
        _put(axes, grid, plan, below)
        below += plan.height
    out = io.BytesIO()
    # Text stays text in SVG, and its ids are drawn from a fixed salt.
    with matplotlib.rc_context({"svg.hashsalt": "gclbench", "svg.fonttype": "none"}):
        figure.savefig(out, format=kind, metadata=_METADATA[kind])
    return out.getvalue()


def _put(axes: Any, grid: ImageGrid, plan: GridPlan, below: int) -> None:
    for row, column in np.ndindex(*grid.tiles.shape[:2]):
        x, y = plan.corner(row, column)
        extent = (x, x + plan.tile[0], below + y + plan.tile[1], below + y)
        axes.imshow(grid.tiles[row, column], extent=extent, aspect="auto", interpolation="none")
    for x, y, line in plan.texts:
        # Points are 1/72 inch; the fonts of vector files run wider than the one that was measured.
        size = 0.85 * FONT_PX * 72 / DPI
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
