"""Grids as data, where everything stands, and the files that are drawn from them."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PIL import Image

from gclbench.errors import ShapeError, UnknownNameError
from gclbench.reporting.generation import GenerationLine, GenerationTable, to_csv, to_markdown
from gclbench.reporting.grid import GAP_PX, ImageGrid, draw_grid, groups, plan_grid, wrap
from gclbench.reporting.pictures import picture_bytes

TITLE = "A title that is much longer than this small grid of pictures is wide"


@pytest.fixture
def grid() -> ImageGrid:
    tiles = np.zeros((2, 3, 64, 32, 3), np.uint8)
    tiles[1, 2] = (255, 0, 0)
    return ImageGrid(tiles, ("input", "two columns", ""), TITLE, ("first row", "second"))


def test_headings_and_labels_must_fit_the_tiles(grid: ImageGrid) -> None:
    with pytest.raises(ShapeError, match="headings"):
        ImageGrid(grid.tiles, ("one",), "t")
    with pytest.raises(ShapeError, match="labels"):
        ImageGrid(grid.tiles, grid.headings, "t", ("one",))


def test_an_empty_heading_continues_its_group() -> None:
    assert groups(("a", "", "b")) == [("a", 0, 1), ("b", 2, 2)]


def test_texts_are_broken_and_stay_within_the_picture(grid: ImageGrid) -> None:
    plan = plan_grid(grid)
    lines = [line for _, _, line in plan.texts]
    assert TITLE not in lines
    assert " ".join(lines).startswith(TITLE)
    assert all(0 <= x < plan.width and 0 <= y < plan.height for x, y, _ in plan.texts)
    assert wrap("ab cd", 10_000) == ["ab cd"]
    assert wrap("ab cd", 1) == ["ab", "cd"]


@pytest.mark.parametrize("height, scale", [(64, 2), (128, 1), (256, 1), (16, 8)])
def test_small_tiles_are_enlarged_and_none_is_reduced(height: int, scale: int) -> None:
    tiles = np.zeros((1, 1, height, height // 2, 3), np.uint8)
    assert plan_grid(ImageGrid(tiles, ("x",), "t")).tile == (scale * height // 2, scale * height)


def test_tiles_are_drawn_where_the_plan_says(grid: ImageGrid) -> None:
    plan, drawn = plan_grid(grid), draw_grid(grid)
    assert drawn.shape == (plan.height, plan.width, 3)
    x, y = plan.corner(1, 2)
    assert (drawn[y : y + 128, x : x + 64] == (255, 0, 0)).all()
    assert (drawn[y, x - GAP_PX : x] == 255).all()


@pytest.mark.parametrize("kind, start", [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_the_same_grids_give_the_same_bytes(grid: ImageGrid, kind: str, start: bytes) -> None:
    first = picture_bytes([grid, grid], kind)
    assert first.startswith(start)
    assert first == picture_bytes([grid, grid], kind)


def test_grids_stand_below_each_other(grid: ImageGrid) -> None:
    one, two = (Image.open(io.BytesIO(picture_bytes([grid] * n, "png"))).size for n in (1, 2))
    assert two == (one[0], 2 * one[1])


def test_vector_files_keep_the_text(grid: ImageGrid) -> None:
    text = picture_bytes([grid], "svg").decode()
    assert "two columns" in text
    assert text.count("<image") == 6
    with pytest.raises(UnknownNameError, match="picture format"):
        picture_bytes([grid], "gif")


@pytest.fixture
def quality() -> GenerationTable:
    e_id = "E_id (8)"
    return GenerationTable(
        "Quality",
        (
            GenerationLine("world", "stage 2", 0.51234, 3.5, 9, e_id, "abc"),
            GenerationLine("world", "stage 3", 0.4, 2.25, 9, e_id, "def"),
            GenerationLine("world", "true renders", 0.9, 0.1, 9, e_id, control=True),
            GenerationLine("real", "stage 2", None, None, 9, e_id),
        ),
        ("A note.",),
    )


def test_quality_in_markdown_marks_the_best_that_is_no_control(quality: GenerationTable) -> None:
    text = to_markdown(quality)
    assert r"| Data | Generator | SSIM of x'\_ori | FID of x'\_new | Images | Features |" in text
    assert "\n| --- | --- | --: | --: | --: | --- |\n" in text
    assert r"| world | stage 2 | **0.512** | 3.50 | 9 | E\_id (8) |" in text
    assert r"| world | stage 3 | 0.400 | **2.25** | 9 | E\_id (8) |" in text
    assert "| world | true renders (control) | 0.900 | 0.10 |" in text
    assert "| real | stage 2 | - | - |" in text
    assert text.endswith("- A note.\n")


def test_quality_in_csv_keeps_full_precision(quality: GenerationTable) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(quality))))
    assert [row["ssim"] for row in rows] == ["0.51234", "0.4", "0.9", ""]
    assert [row["control"] for row in rows] == ["0", "0", "1", "0"]
    assert rows[1]["node"] == "def"
