"""Stored numbers that cannot be, as wrong code left them: no verb prints one as a result."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gclbench.study.opened import OpenStudy, open_study
from gclbench.study.question import Question
from gclbench.testing.artifacts import rewrite
from gclbench.tracking import RunStore

SETTINGS = {"pretrain.kind": "random"}
ROWS, SEEDS = ("baseline", "multi", "rotation_dmixup"), (0, 1)
WORDS = (
    "profile=smoke",
    "pretrain.kind=random",
    "tasks=market1501",
    "rows=baseline,multi,rotation_dmixup",
)
WRONG = ("112.3", "116.4", "108.1")
BINS = {"viewpoint": 4, "light": 3, "pose": 3, "clothing": 3}


def evaluate(opened: OpenStudy, row: str, seed: int) -> Path:
    """Leave a sound evaluation of a cell, with factors, as a finished run would."""
    cell = next(c for c in opened.cells if (c.row.key, c.seed) == (row, seed))
    node = opened.plan.node(opened.plan.evaluate_key(cell))
    share = {"baseline": 0.3, "multi": 0.4, "rotation_dmixup": 0.2}[row] + 0.01 * seed
    factors: dict[str, Any] = {f"{name}_ap": np.full((4, n), share) for name, n in BINS.items()}
    factors |= {f"{name}_edges": np.arange(1.0, n) for name, n in BINS.items()}
    scores = {"mAP": 100 * share, "R1": 50.0, "R5": 60.0, "R10": 70.0}
    with opened.artifacts.workspace(node) as workspace:
        np.savez(workspace.folder / "per_query.npz", ap=np.full(4, share))
        np.savez(workspace.folder / "invariance.npz", **factors)
        workspace.commit(node.record(metrics=scores))
    return opened.artifacts.path(node)


def spoil(folder: Path, score: float) -> str:
    """Put an mAP into the manifest that no ranking gives; return the node's key."""
    record = json.loads((folder / "manifest.json").read_text())
    rewrite(folder, metrics={**record["metrics"], "mAP": score})
    return folder.name


@pytest.fixture
def keys(cli: Any) -> dict[str, str]:
    """Three rows over two seeds: the baseline has lost both, multi one; keys of what is lost."""
    opened = open_study(
        Question(("table6",), cli.home, "smoke", SEEDS, ROWS, ("market1501",), overrides=SETTINGS)
    )
    folders = {(row, seed): evaluate(opened, row, seed) for row in ROWS for seed in SEEDS}
    store = RunStore(opened.store_url)
    asked = {"study": "table6", "profile": "smoke", "overrides": SETTINGS}
    store.remember(
        [
            {**asked, "row": row, "task": "market1501", "seed": seed, "node_key": folder.name}
            for (row, seed), folder in folders.items()
        ]
    )
    store.close()
    np.savez(folders["multi", 1] / "per_query.npz", ap=np.full(4, 1.081))
    rewrite(folders["multi", 1])
    return {
        "baseline 0": spoil(folders["baseline", 0], 112.3),
        "baseline 1": spoil(folders["baseline", 1], 116.4),
        "multi 1": folders["multi", 1].name,
    }


def test_the_tables_of_every_format_say_damaged_and_hold_no_such_number(
    cli: Any, keys: dict[str, str], tmp_path: Path
) -> None:
    printed = {"terminal": cli("report", "table6", *WORDS)}
    for name in ("markdown", "latex", "html"):
        printed[name] = cli("report", "table6", *WORDS, f"format={name}")
    for answer in printed.values():
        assert answer.code == 5
        assert answer.err == (
            "error: 3 stored results are damaged and left out; run again to make them anew.\n"
        )
        measured = answer.out.split("(published)")[0]
        assert any(
            line.count("damaged") == 4 and "Baseline" in line for line in measured.split("\n")
        )
        assert not any(number in answer.out for number in WRONG)
        for key in keys.values():
            assert f"(evaluate {key[:12]})" in measured
        assert "delete HOME/artifacts/evaluate/KEY" in measured
        assert "40.0" in measured  # multi by its sound seed
        assert "40.5" not in measured
        assert "their other seeds are used: Multi, Market, seed 1" in measured


def test_csv_holds_the_keys_and_never_the_number(cli: Any, keys: dict[str, str]) -> None:
    answer = cli("report", "table6", *WORDS, "format=csv")
    assert answer.code == 5
    found = {
        row["row_key"]: row
        for row in csv.DictReader(io.StringIO(answer.out))
        if row["metric"] == "mAP"
    }
    lost, partly, sound = (found[row] for row in ROWS)
    assert [lost[name] for name in ("value", "std", "low", "high", "n_seeds")] == [*[""] * 4, "0"]
    assert lost["damaged"] == f"{keys['baseline 0']};{keys['baseline 1']}"
    assert (float(partly["value"]), partly["n_seeds"]) == (pytest.approx(40.0), "1")
    assert partly["damaged"] == keys["multi 1"]
    assert (float(sound["value"]), sound["damaged"]) == (pytest.approx(20.5), "")
    assert not any(number in answer.out for number in WRONG)


def test_a_run_sets_aside_what_cannot_be_and_writes_no_such_number(
    cli: Any, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gclbench.executors.inline.InlineExecutor.execute", lambda *args: {})
    answer = cli("run", "ablation=table6", *WORDS, "seeds=0,1", "executor=inline")
    assert answer.code == 5  # the APs of multi are not those of its mAP, whatever their hash says
    evaluated = cli.home / "artifacts" / "evaluate"
    for key in (keys["baseline 0"], keys["baseline 1"]):
        assert f"set aside as {evaluated / key}.damaged-1, and made anew" in answer.stderr
        assert (evaluated / f"{key}.damaged-1" / "per_query.npz").is_file()
    assert f"(evaluate {keys['multi 1'][:12]})" in answer.out
    files = [
        path.read_text() for path in (cli.latest("table6")).iterdir() if path.suffix != ".png"
    ]
    assert len(files) == 4
    for text in files:
        assert not any(number in text for number in WRONG)


def test_a_report_of_nothing_but_damage_is_shown_and_deleting_it_measures_anew(
    cli: Any, keys: dict[str, str]
) -> None:
    answer = cli("report", "table6", *WORDS[:3], "rows=baseline")
    assert answer.code == 1
    assert keys["baseline 0"][:12] in answer.out
    folder = cli.home / "artifacts" / "evaluate" / keys["baseline 0"]
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    plan = json.loads(cli("plan", "ablation=table6", *WORDS, "seeds=0,1", "--json").out)
    assert plan["unique"]["evaluate"] - plan["cached"]["evaluate"] == 1


def test_invariance_leaves_them_out_in_tables_files_and_json(
    cli: Any, keys: dict[str, str], tmp_path: Path
) -> None:
    words = ("ablation=table6", *WORDS, "seeds=0,1", f"out={tmp_path}")
    answer = cli("invariance", *words)
    assert answer.code == 5, answer.err
    assert f"(evaluate {keys['baseline 0'][:12]})" in answer.out
    found = json.loads(cli("invariance", *words, "--json").out)
    (task,) = found["tasks"]
    assert task["reference"] == "multi"
    for factor in task["factors"]:
        rows = {row["row"]: row for row in factor["rows"]}
        assert rows["baseline"]["damaged"] == [keys["baseline 0"], keys["baseline 1"]]
        assert set(rows["baseline"]["mAP"]) == {None}
        assert rows["multi"]["damaged"] == [keys["multi 1"]]
        assert rows["multi"]["mAP"] == pytest.approx([40.0] * len(factor["bins"]))
    text = (tmp_path / "table6_invariance.csv").read_text()
    lines = [line for line in text.splitlines() if ",baseline," in line]
    assert lines
    assert all(line.endswith(f",{keys['baseline 0']};{keys['baseline 1']}") for line in lines)


def test_criteria_rest_on_sound_seeds_alone(cli: Any, keys: dict[str, str]) -> None:
    answer = cli("report", "table6", *WORDS)
    assert "unknown, undecided: full method above baseline, asked at least 0; " in answer.out
    assert "baseline is not measured" in answer.out
    spoil(cli.home / "artifacts" / "evaluate" / keys["baseline 1"], 31.0)
    answer = cli("report", "table6", *WORDS)
    assert "full method above baseline: -10.0, asked at least 0; " in answer.out
    assert "mean of 1 seed" in answer.out
