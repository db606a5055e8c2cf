"""`gclbench figure`: what is shown unless told otherwise, and the files that are written."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gclbench.content import Content
from gclbench.errors import DataMissingError, OverrideError
from gclbench.reporting.generation import GenerationLine, GenerationTable
from gclbench.reporting.grid import ImageGrid
from gclbench.runtime.figures.registry import FIGURES, Choice, choose, find_figure

Cli = Callable[..., tuple[int, str, str]]
FULL, MARKET = ("rotation_dmixup",), ("market1501",)


@pytest.fixture
def asked(world: Any, monkeypatch: pytest.MonkeyPatch) -> list[Choice]:
    """Put a grid of black tiles in the place of every picture, and a line in the table's."""
    found: list[Choice] = []

    def grids(opened: Any, choice: Choice) -> list[ImageGrid]:
        found.append(choice)
        tiles = np.zeros((2, 3, 8, 4, 3), np.uint8)
        return [ImageGrid(tiles, ("input", "views", ""), "title")] * max(1, len(choice.tasks))

    def table(opened: Any, choice: Choice) -> GenerationTable:
        found.append(choice)
        return GenerationTable("t", (GenerationLine("d", "stage 2", 0.5, 1.0, 9, "E_id (8)"),))

    for figure in FIGURES.values():
        module, _, name = figure.source.partition(":")
        fake = sys.modules.get(module) or types.ModuleType(module)
        monkeypatch.setitem(sys.modules, module, fake)
        monkeypatch.setattr(fake, name, table if figure.table else grids, raising=False)
    return found


def test_a_figure_is_written_as_png_without_naming_an_ablation(
    cli: Cli, asked: list[Choice], tmp_path: Path
) -> None:
    out = tmp_path / "new" / "views.png"
    code, text, _ = cli("figure", "views", f"out={out}")
    assert (code, text) == (0, f"wrote {out}\n")
    with Image.open(out) as image:
        assert image.format == "PNG"
    assert [path.name for path in out.parent.iterdir()] == ["views.png"]
    assert asked == [Choice(FULL, MARKET, 0)]


@pytest.mark.parametrize("suffix, start", [(".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_vector_files_too(
    cli: Cli, asked: list[Choice], tmp_path: Path, suffix: str, start: bytes
) -> None:
    out = tmp_path / f"fig3{suffix}"
    assert cli("figure", "fig3", "ablation=table6", f"out={out}")[0] == 0
    assert out.read_bytes().startswith(start)
    assert asked == [Choice(FULL, ("market1501", "dukemtmc-reid"), 0)]


def test_without_out_the_file_is_named_after_the_figure(
    cli: Cli, asked: list[Choice], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("figure", "table11")[1] == "wrote table11.png\n"
    assert asked[0].tasks == ("dukemtmc-reid",)


def test_row_task_and_seed_can_be_chosen(
    cli: Cli, asked: list[Choice], world: Any, tmp_path: Path
) -> None:
    words = ("rows=rotation", "tasks=duke2market", "seeds=2", f"out={tmp_path / 'a.png'}")
    assert cli("figure", "views", "ablation=table6", *words)[0] == 0
    assert asked == [Choice(("rotation",), ("duke2market",), 2)]
    request = world.questions[-1]
    assert (request.rows, request.tasks, request.seeds) == (("rotation",), ("duke2market",), (2,))


def test_generation_writes_markdown_and_csv_side_by_side(
    cli: Cli, asked: list[Choice], tmp_path: Path
) -> None:
    code, text, _ = cli("figure", "generation", f"out={tmp_path / 'quality.csv'}")
    assert code == 0
    assert sorted(path.name for path in tmp_path.glob("q*")) == ["quality.csv", "quality.md"]
    assert text.count("wrote ") == 2
    assert asked == [Choice((), (), 0)]


def test_what_no_task_of_the_study_learns_is_exit_3_and_says_so(
    cli: Cli, asked: list[Choice]
) -> None:
    code, out, err = cli("figure", "table12", "ablation=table6")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "msmt17, which no task of table6 learns" in err
    assert asked == []


def test_table12_shows_the_study_of_its_dataset() -> None:
    figure = find_figure("table12")
    chosen = choose(figure, Content().study(figure.study))
    assert chosen == Choice(FULL, ("msmt17",), 0)


def test_a_study_of_uda_tasks_alone_shows_its_first_task_of_the_target() -> None:
    study = Content().study("table6")
    uda = study.model_copy(update={"tasks": tuple(t for t in study.tasks if t.setting == "uda")})
    assert choose(find_figure("fig2"), uda).tasks == ("duke2market",)
    assert len(choose(find_figure("fig2"), uda).rows) == 3
    nothing = study.model_copy(update={"tasks": ()})
    with pytest.raises(DataMissingError, match="tasks=NAME"):
        choose(find_figure("views"), nothing)


def test_a_figure_of_several_rows_takes_some_of_them() -> None:
    study = Content().study("table6")
    assert choose(find_figure("fig2"), study, rows=("rotation",)).rows == ("rotation",)
    several = replace(find_figure("views"), rows=("a",))
    with pytest.raises(OverrideError, match="one of rows"):
        choose(several, study, rows=("a", "b"))


def test_help_and_list_name_every_figure(cli: Cli) -> None:
    text = cli("figure", "--help")[1]
    listed = json.loads(cli("list", "figures", "--json")[1])
    assert [item["name"] for item in listed] == list(FIGURES)
    for figure in FIGURES.values():
        assert f"{figure.name} " in text
        assert figure.summary in text


def test_every_figure_has_its_function() -> None:
    import importlib

    for figure in FIGURES.values():
        module, _, name = figure.source.partition(":")
        function = getattr(importlib.import_module(module), name)
        assert function.__doc__
