"""Train one generative row of Table 6 (profile smoke), then make every figure that it can give."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

SMOKE = ("profile=smoke", "pretrain.kind=random", "seeds=0", "executor=inline")
# What a row of the market task alone can show: pictures, and how many tiles are beside each other.
COLUMNS = {"views": 15, "fig2": 10, "fig3": 11, "fig9": 10, "fig12": 5, "table3": 15}


@pytest.fixture(scope="module")
def trained(cli_at: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    cli = cli_at(tmp_path_factory.mktemp("figures") / "results")
    words = ("ablation=table6", "rows=rotation_dmixup", "tasks=market1501", "joint.epochs=1")
    answer = cli("run", *words, *SMOKE)
    assert answer.code == 0, answer.err
    return cli


@pytest.mark.parametrize("name", [*COLUMNS, "fig11", "world"])
def test_every_figure_of_one_trained_row(trained: Any, tmp_path: Path, name: str) -> None:
    out = tmp_path / f"{name}.png"
    words = ["ablation=table6", "joint.epochs=1", f"out={out}"]
    if name != "world":
        words += ["rows=rotation_dmixup", "tasks=market1501"]
    answer = trained("figure", name, *words, *SMOKE)
    assert answer.code == 0, answer.err
    with Image.open(out) as image:
        width, height = image.size
    assert width >= COLUMNS.get(name, 1) * 64
    assert height > 128


def test_a_figure_is_the_same_whenever_it_is_drawn(trained: Any, tmp_path: Path) -> None:
    """Table 2 trains a decoder on the way: the one figure in which chance has a part."""
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for out in files:
        assert trained("figure", "table2", "joint.epochs=1", f"out={out}", *SMOKE).code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    with Image.open(files[0]) as image:
        assert image.size[0] >= 17 * 64


def test_what_is_not_trained_names_the_command(trained: Any, tmp_path: Path) -> None:
    answer = trained("figure", "table11", "joint.epochs=1", *SMOKE)
    assert answer.code == 3
    assert "gclbench run ablation=table6 rows=rotation_dmixup tasks=dukemtmc-reid" in answer.err
    assert "profile=smoke joint.epochs=1 pretrain.kind=random" in answer.err


@pytest.mark.skipif(
    importlib.util.find_spec("torchmetrics") is None, reason="the extra metrics is not installed"
)
def test_generation_measures_both_stages_and_the_true_renders(
    trained: Any, tmp_path: Path
) -> None:
    out = tmp_path / "generation.md"
    words = ("rows=rotation_dmixup", "joint.epochs=1", f"out={out}")
    answer = trained("figure", "generation", *words, *SMOKE)
    assert answer.code == 0, answer.err
    with out.with_suffix(".csv").open(encoding="utf-8", newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert [line["generator"] for line in lines] == [
        "stage 2, before any contrast",
        "stage 3, Rotation + D-Mixup",
        "true renders",
    ]
    assert [line["control"] for line in lines] == ["0", "0", "1"]
    made, true = lines[1], lines[2]
    assert float(true["ssim"]) > 0.8 > float(made["ssim"])
    assert float(true["fid"]) < float(made["fid"])
    text = out.read_text(encoding="utf-8")
    assert "true renders (control)" in text
    assert "Not trained: dukemtmc-reid, duke2market, market2duke." in text


def test_table12_shows_what_the_study_of_msmt17_trained(cli: Any, tmp_path: Path) -> None:
    words = ("rows=rotation_dmixup", "joint.epochs=1", "gan.epochs=1")
    answer = cli("run", "ablation=msmt17", *words, *SMOKE)
    assert answer.code == 0, answer.err
    assert "synthetic_msmt17" in answer.out
    out = tmp_path / "table12.png"
    answer = cli("figure", "table12", *words[1:], f"out={out}", *SMOKE)
    assert answer.code == 0, answer.err
    with Image.open(out) as image:
        assert image.size[0] >= COLUMNS["table3"] * 64
