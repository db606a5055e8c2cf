"""`gclbench show cell`: what holds in one cell, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

Cli = Callable[..., tuple[int, str, str]]
CELL = "table6:rotation_dmixup:market1501:0"
STUDY = """
study: mine
title: Mine
recipe: gcl_plus
report: table6
set: {joint.epochs: 3, gan.lambda_recon: 4}
tasks:
  - {name: market1501, setting: usl, label: M, target: market1501, set: {gan.lambda_recon: 6}}
rows:
  - {key: warm, label: W, stop: warmup, set: {joint.epochs: 3, warmup.method: scl}}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GCLBENCH_HOME", str(tmp_path / "results"))
    monkeypatch.delenv("GCLBENCH_CONTENT", raising=False)
    return tmp_path / "results"


def facts(cli: Cli, *words: str) -> dict[str, Any]:
    code, out, err = cli("show", "cell", *words, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_every_value_says_where_it_comes_from(cli: Cli) -> None:
    settings = facts(cli, CELL, "profile=smoke", "joint.lr=0.02")["settings"]

    def origin(name: str) -> str:
        return str(settings[name]["from"]).partition(" (")[0]

    assert settings["joint.lr"] == {"value": 0.02, "from": "command line"}
    assert settings["joint.temperature"] == {"value": 0.04, "from": "default"}
    assert origin("joint.augmentations") == "row rotation_dmixup"
    assert settings["joint.augmentations"]["value"] == ["rotation", "d_mixup"]
    assert settings["joint.augmentations"]["from"].endswith("ablations/table6.yaml)")
    assert origin("data.height_px") == "profile smoke"
    assert settings["data.height_px"]["from"].endswith("baselines/profiles/smoke.yaml)")
    assert origin("warmup.method") == "recipe gcl_plus"
    assert settings["warmup.method"]["from"].endswith("baselines/gcl_plus.yaml)")


def test_of_study_task_and_row_the_last_one_wins(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "content" / "ablations"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(STUDY)
    words = ("mine:warm:market1501:5", "--content", str(folder.parent))
    found = facts(cli, *words)
    settings = found["settings"]
    assert settings["joint.epochs"] == {"value": 3, "from": f"row warm ({folder}/mine.yaml)"}
    assert settings["gan.lambda_recon"]["value"] == 6
    assert settings["gan.lambda_recon"]["from"] == f"task market1501 ({folder}/mine.yaml)"
    assert (found["stop"], list(found["stages"])) == ("warmup", ["pretrain", "warmup", "evaluate"])
    out = cli("show", "cell", *words)[1]
    assert "  scl:\n" in out
    assert "  buc:\n" not in out


def test_the_keys_are_those_of_the_plan_and_say_what_is_made(cli: Cli, home: Path) -> None:
    from gclbench.study.opened import open_study
    from gclbench.study.question import Question

    stages = facts(cli, CELL, "profile=smoke")["stages"]
    opened = open_study(Question(("table6",), home, profile="smoke", rows=("rotation_dmixup",)))
    cell = next(cell for cell in opened.cells if cell.task.name == "market1501")
    assert [stage["key"] for stage in stages.values()] == list(opened.plan.chain(cell))
    assert not any(stage["cached"] for stage in stages.values())
    node = opened.plan.node(stages["pretrain"]["key"])
    with opened.artifacts.workspace(node) as workspace:
        workspace.commit(node.record())
    stages = facts(cli, CELL, "profile=smoke")["stages"]
    assert [name for name, stage in stages.items() if stage["cached"]] == ["pretrain"]
    lines = cli("show", "cell", CELL, "profile=smoke")[1].splitlines()
    assert [line.split("# ")[1] for line in lines[3:5]] == ["made", "not made yet"]


def test_for_a_reader_it_is_yaml_that_reads_back(cli: Cli) -> None:
    code, out, _ = cli("show", "cell", CELL, "profile=smoke", "joint.mix_alpha=0.123456789")
    read = YAML(typ="safe").load(out)
    assert code == 0
    assert read["joint"]["mix_alpha"] == 0.123456789
    assert read["joint"]["pseudo_labels"]["k1"] == 8
    assert read["data"]["root"] is None
    assert read["warmup"]["method"] == "jvtc"
    assert "    k1: 8 " in out
    assert all("  # " in line for line in out.splitlines() if line.strip().startswith("lr:"))


def test_a_recipe_by_itself_has_no_file_of_a_study(cli: Cli) -> None:
    found = facts(cli, "recipe_scl:scl:market1501:0", "profile=smoke")
    assert found["settings"]["warmup.method"]["from"].startswith("recipe scl (")
    assert list(found["stages"]) == ["pretrain", "warmup", "evaluate"]


@pytest.mark.parametrize(
    "words, text",
    [
        (["tabl6:multi:market1501:0"], "unknown ablation 'tabl6'. Did you mean 'table6'?"),
        (["table6:mutli:market1501:0"], "Did you mean 'multi'?"),
        (["table6:multi:market151:0"], "Did you mean 'market1501'?"),
        (["table6:multi:market1501:x"], "the seed of a cell: 'x' is not a whole number"),
        (["table6:multi:market1501"], "it is STUDY:ROW:TASK:SEED"),
        (["table6::market1501:0"], "it is STUDY:ROW:TASK:SEED"),
        ([CELL, "profile=smok"], "Did you mean 'smoke'?"),
        ([CELL, "joint.temprature=1"], "Did you mean 'joint.temperature'?"),
        ([CELL, "rows=multi"], "unknown word 'rows'"),
        (["dbscan_eps:full:duke2market:0"], "is a search"),
    ],
)
def test_a_wrong_part_gets_the_nearest_word(cli: Cli, words: list[str], text: str) -> None:
    code, _, err = cli("show", "cell", *words)
    assert code == 2
    assert text in err


def test_other_kinds_take_no_words(cli: Cli) -> None:
    code, _, err = cli("show", "losses", "l_vi", "profile=smoke")
    assert code == 2
    assert "losses take no words" in err
