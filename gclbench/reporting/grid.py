"""Image grids: data first (rows of tiles with headings), then one RGB array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gclbench.errors import ShapeError


@dataclass(frozen=True)
class ImageGrid:
    """Rows of equally large tiles, uint8 (rows, columns, H, W, 3), and a heading for each column.

    An empty heading continues the group of the column before it.
    """

    tiles: np.ndarray
    headings: tuple[str, ...]
    title: str

    def __post_init__(self) -> None:
        if self.tiles.ndim != 5 or self.tiles.shape[-1] != 3:
            raise ShapeError(f"tiles have shape {self.tiles.shape}, expected (R, C, H, W, 3).")
        if len(self.headings) != self.tiles.shape[1]:
            raise ShapeError(
                f"{len(self.headings)} headings for {self.tiles.shape[1]} columns of tiles."
            )


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


def draw_grid(grid: ImageGrid, *, scale: int = 2, gap_px: int = 4) -> np.ndarray:
    """Return the grid as one uint8 (H, W, 3) image with headings above the columns."""
    from PIL import Image, ImageDraw, ImageFont

    rows, columns, height, width, _ = grid.tiles.shape
    cell_h, cell_w = height * scale + gap_px, width * scale + gap_px
    top = 44
    canvas = Image.new("RGB", (columns * cell_w + gap_px, top + rows * cell_h + gap_px), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    pen.text((gap_px, 3), grid.title, fill="black", font=font)
    for text, first, last in groups(grid.headings):
        pen.text((gap_px + first * cell_w, 21), text, fill="black", font=font)
        pen.line(
            [(gap_px + first * cell_w, top - 4), ((last + 1) * cell_w - gap_px, top - 4)],
            fill="gray",
        )
    for row in range(rows):
        for column in range(columns):
            tile = Image.fromarray(grid.tiles[row, column])
            tile = tile.resize((width * scale, height * scale), Image.Resampling.NEAREST)
            canvas.paste(tile, (gap_px + column * cell_w, top + row * cell_h))
    return np.asarray(canvas)


def stack(pictures: list[np.ndarray]) -> np.ndarray:
    """Put uint8 pictures (H, W, 3) below each other, white where one is narrower."""
    width = max(picture.shape[1] for picture in pictures)
    padded = [
        np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in pictures
    ]
    return np.concatenate(padded)
