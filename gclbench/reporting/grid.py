"""Image grids: data first (rows of tiles with headings), then one RGB array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gclbench.errors import ShapeError
from gclbench.reporting.own_matplotlib import drawable, font_file

FONT_PX, LINE_PX, GAP_PX = 11, 15, 4
MARK_COLOUR = "#d55e00"
LABEL_PX = 118  # width of the column of row labels, where a grid has any
TILE_PX = 128  # about how high a tile is drawn: small pictures are enlarged, none is reduced


@dataclass(frozen=True)
class ImageGrid:
    """Rows of equally large tiles, uint8 (rows, columns, H, W, 3), and a heading for each column.

    An empty heading continues the group of the column before it. `labels`, one for each row or
    none at all, stand to the left; an empty one leaves its place free. `data` names what the title
    says is shown; `origin` what it was made by, for the file alone. `mark`, such as SMOKE, stands
    above all.
    """

    tiles: np.ndarray
    headings: tuple[str, ...]
    title: str
    labels: tuple[str, ...] = ()
    data: str = ""
    origin: str = ""
    mark: str = ""

    def __post_init__(self) -> None:
        if self.tiles.ndim != 5 or self.tiles.shape[-1] != 3:
            raise ShapeError(f"tiles have shape {self.tiles.shape}, expected (R, C, H, W, 3).")
        if len(self.headings) != self.tiles.shape[1]:
            raise ShapeError(
                f"{len(self.headings)} headings for {self.tiles.shape[1]} columns of tiles."
            )
        if self.labels and len(self.labels) != len(self.tiles):
            raise ShapeError(f"{len(self.labels)} labels for {len(self.tiles)} rows of tiles.")


def named(grids: Sequence[ImageGrid], title: str | None, mark: str = "") -> list[ImageGrid]:
    """Grids of one picture with a title of the user's (None: their own) and a mark above them.

    Of several grids, each also says which data it shows.
    """
    titles = [grid.title for grid in grids]
    if title is not None:
        titles = [title] if len(grids) == 1 else [f"{title} ({grid.data})" for grid in grids]
    marks = [mark, *[""] * len(grids)]
    return [
        replace(grid, title=text, mark=each)
        for grid, text, each in zip(grids, titles, marks, strict=False)
    ]


@dataclass(frozen=True)
class GridPlan:
    """Where everything stands, in px from the top left corner: what every back end draws.

    `texts` (x, y, line); `rules` (x0, x1, y); tile (row, column) begins at `corner(row, column)`.
    """

    width: int
    height: int
    left: int
    top: int
    tile: tuple[int, int]  # drawn width and height
    texts: tuple[tuple[int, int, str], ...]
    rules: tuple[tuple[int, int, int], ...]
    mark: str = ""  # stands in the corner, in MARK_COLOUR

    def corner(self, row: int, column: int) -> tuple[int, int]:
        width, height = self.tile
        return self.left + column * (width + GAP_PX), self.top + row * (height + GAP_PX)


def groups(headings: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """Headings as (text, first column, last column)."""
    found: list[tuple[str, int, int]] = []
    for column, heading in enumerate(headings):
        if heading or not found:
            found.append((heading, column, column))
        else:
            text, first, _ = found[-1]
            found[-1] = (text, first, column)
    return found


def plan_grid(grid: ImageGrid, scale: int | None = None) -> GridPlan:
    """Place tiles, title, headings and labels; texts are broken so that nothing is cut off."""
    rows, columns, height, width, _ = grid.tiles.shape
    scale = scale or max(1, round(TILE_PX / height))
    tile = (width * scale, height * scale)
    step = tile[0] + GAP_PX
    left = GAP_PX + (LABEL_PX if grid.labels else 0)
    total = left + columns * step
    title = wrap(grid.title, total - 2 * GAP_PX)
    spans = groups(grid.headings)
    headings = [wrap(text, (last - first + 1) * step - GAP_PX) for text, first, last in spans]
    begin = GAP_PX + (LINE_PX if grid.mark else 0)
    above = begin + len(title) * LINE_PX
    top = above + max(len(lines) for lines in headings) * LINE_PX + 2 * GAP_PX
    texts = list(_lines(GAP_PX, begin, title))
    rules = []
    for lines, (_, first, last) in zip(headings, spans, strict=True):
        texts += _lines(left + first * step, above + 1, lines)
        rules.append((left + first * step, left + (last + 1) * step - GAP_PX, top - GAP_PX))
    for row, label in enumerate(grid.labels):
        y = top + row * (tile[1] + GAP_PX)
        texts += _lines(GAP_PX, y, wrap(label, LABEL_PX - GAP_PX))
    whole = top + rows * (tile[1] + GAP_PX)
    return GridPlan(total, whole, left, top, tile, tuple(texts), tuple(rules), drawable(grid.mark))


def wrap(text: str, width_px: int) -> list[str]:
    """Break a text between words into lines of at most `width_px` (a longer word stands alone)."""
    font = _font()
    lines: list[str] = []
    for word in drawable(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def draw_grid(grid: ImageGrid, *, scale: int | None = None) -> np.ndarray:
    """Return the grid as one uint8 (H, W, 3) image with headings above the columns."""
    from PIL import Image, ImageDraw

    plan, font = plan_grid(grid, scale), _font()
    canvas = Image.new("RGB", (plan.width, plan.height), "white")
    pen = ImageDraw.Draw(canvas)
    pen.text((GAP_PX, GAP_PX), plan.mark, fill=MARK_COLOUR, font=font)
    for x, y, line in plan.texts:
        pen.text((x, y), line, fill="black", font=font)
    for x0, x1, y in plan.rules:
        pen.line([(x0, y), (x1, y)], fill="gray")
    for row, column in np.ndindex(*grid.tiles.shape[:2]):
        tile = Image.fromarray(grid.tiles[row, column])
        canvas.paste(tile.resize(plan.tile, Image.Resampling.NEAREST), plan.corner(row, column))
    return np.asarray(canvas)


def stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Put uint8 pictures (H, W, 3) below each other, white where one is narrower."""
    width = max(picture.shape[1] for picture in pictures)
    padded = [
        np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in pictures
    ]
    return np.concatenate(padded)


def _lines(x: int, y: int, lines: list[str]) -> Iterator[tuple[int, int, str]]:
    return ((x, y + number * LINE_PX, line) for number, line in enumerate(lines))


def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(str(font_file()), FONT_PX)
