"""Train two rows of Table 6 (profile smoke), then ask which invariance the second one bought."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

CELLS = ("ablation=table6", "rows=baseline,multi", "tasks=market1501")
SMOKE = ("profile=smoke", "pretrain.kind=random", "joint.epochs=1", "warmup.epochs=1")
FACTORS = {"viewpoint": 4, "light": 3, "pose": 3, "clothing": 3}


@pytest.fixture(scope="module")
def trained(cli_at: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    cli = cli_at(tmp_path_factory.mktemp("invariance") / "results")
    answer = cli("run", *CELLS, *SMOKE, "seeds=0", "executor=inline")
    assert answer.code == 0, answer.err
    return cli


def test_tables_and_pictures_are_written_and_nothing_is_trained(
    trained: Any, tmp_path: Path
) -> None:
    before = trained.manifests()
    answer = trained("invariance", *CELLS, *SMOKE, f"out={tmp_path}")
    assert answer.code == 0, answer.err
    assert trained.manifests() == before
    name = "table6_invariance"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [
            *(f"{name}.{suffix}" for suffix in ("csv", "html", "md", "tex")),
            *(f"{name}_market1501.{suffix}" for suffix in ("pdf", "png", "svg")),
        ]
    )
    with Image.open(tmp_path / f"{name}_market1501.png") as image:
        assert image.size[0] == pytest.approx(180 / 25.4 * 300, abs=2)
    assert "Viewpoint gap" in answer.out
    assert "reference" in answer.out


def test_the_numbers_are_those_of_the_evaluation(trained: Any, tmp_path: Path) -> None:
    answer = trained("invariance", *CELLS, *SMOKE, "format=csv", f"out={tmp_path}", "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    (task,) = found["tasks"]
    assert {f["factor"]: len(f["queries"]) for f in task["factors"]} == FACTORS
    with (tmp_path / "table6_invariance.csv").open(encoding="utf-8", newline="") as handle:
        records = list(csv.DictReader(handle))
    light = next(f for f in task["factors"] if f["factor"] == "light")
    for row in light["rows"]:
        lines = [
            r
            for r in records
            if (r["row_key"], r["factor"], r["measure"]) == (row["row"], "light", "mAP")
        ]
        assert [float(r["value"]) for r in lines] == row["mAP"]
    assert {row["row"] for row in light["rows"]} == {"baseline", "multi"}
    # Every query with a match is in one clothing bin: together they are the benchmark's mAP.
    manifest = next(m for m in trained.manifests().values() if m["stage"] == "evaluate")
    clothing = next(f for f in task["factors"] if f["factor"] == "clothing")
    totals = [
        sum(n * ap for n, ap in zip(clothing["queries"], row["mAP"], strict=True) if n)
        / sum(clothing["queries"])
        for row in clothing["rows"]
    ]
    assert any(total == pytest.approx(manifest["metrics"]["mAP"]) for total in totals)


def test_what_was_not_run_names_the_command(trained: Any) -> None:
    answer = trained("invariance", "ablation=table6", "rows=rotation", *SMOKE)
    assert answer.code == 3
    assert "gclbench run ablation=table6 rows=rotation" in answer.err


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        ((), 2, "no study is named"),
        (("ablation=table6,table4",), 2, "Name one"),
        (("ablation=table6", "data.root=reid"), 2, "built-in world only"),
        (("ablation=table6", "workers=2"), 2, "unknown word 'workers'"),
        (("ablation=tabel6",), 2, "Did you mean 'table6'"),
    ],
)
def test_wrong_words_are_one_line(cli: Any, words: tuple[str, ...], code: int, part: str) -> None:
    answer = cli("invariance", *words)
    assert answer.code == code
    assert part in answer.err
    assert len(answer.err.splitlines()) == 1
