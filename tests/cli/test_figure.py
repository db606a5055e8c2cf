"""`gclbench figure`: one picture of one row, task and seed."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gclbench.reporting.grid import ImageGrid

Cli = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class FakeGridRequest:
    task: str
    row: str
    seed: int


@pytest.fixture
def drawn(world: Any, monkeypatch: pytest.MonkeyPatch) -> list[FakeGridRequest]:
    """Put a grid of black tiles in the generator's place."""
    asked: list[FakeGridRequest] = []

    def views_grid(session: Any, request: FakeGridRequest) -> ImageGrid:
        asked.append(request)
        return ImageGrid(np.zeros((2, 3, 8, 4, 3), np.uint8), ("input", "views", ""), "title")

    module = types.ModuleType("gclbench.runtime.figures")
    module.GridRequest = FakeGridRequest  # type: ignore[attr-defined]
    module.views_grid = views_grid  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gclbench.runtime.figures", module)
    return asked


def test_a_figure_is_written_as_png(
    cli: Cli, drawn: list[FakeGridRequest], tmp_path: Path
) -> None:
    out = tmp_path / "new" / "views.png"
    code, text, _ = cli("figure", "views", "ablation=table6", f"out={out}")
    assert (code, text) == (0, f"wrote {out}\n")
    with Image.open(out) as image:
        assert image.format == "PNG"
    assert [path.name for path in out.parent.iterdir()] == ["views.png"]
    assert drawn == [FakeGridRequest("market1501", "rotation_dmixup", 0)]


def test_row_task_and_seed_can_be_chosen(
    cli: Cli, drawn: list[FakeGridRequest], tmp_path: Path
) -> None:
    words = ("rows=rotation", "tasks=duke2market", "seeds=2", f"out={tmp_path / 'a.png'}")
    assert cli("figure", "views", "ablation=table6", *words)[0] == 0
    assert drawn == [FakeGridRequest("duke2market", "rotation", 2)]
