"""`gclbench.open` and what it gives: plans, runs, frames, tables; training is made up."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gclbench
from gclbench.errors import (
    DataMissingError,
    OverrideError,
    TrainingError,
    UnknownNameError,
    UsageError,
)
from gclbench.plan import ArtifactStore, Node
from gclbench.schema.record import Idle
from gclbench.study.opened import open_study
from gclbench.words.verbs import OpenWords

SCORES = {"mAP": 40.0, "R1": 60.0, "R5": 80.0, "R10": 90.0}
AP = np.array([0.25, np.nan, 0.55])
QUERIES = {"inp": [0.5, np.nan, 1.0], "first_match": [2, 0, 1]}
WORDS: dict[str, Any] = {
    "profile": "smoke", "rows": ["none", "multi"], "tasks": ["market1501"], "seeds": [0, 1],
}  # fmt: skip


def finish(home: Path, node: Node, shift: float = 0.0, idle: tuple[Idle, ...] = ()) -> Any:
    with ArtifactStore(home).workspace(node) as workspace:
        if node.stage == "evaluate":
            file = workspace.folder / "per_query.npz"
            np.savez(file, pids=[3, 4, 5], ap=AP + shift / 100, **QUERIES)
        metrics = {**SCORES, "mAP": SCORES["mAP"] + shift}
        record = node.record(metrics=metrics if node.stage == "evaluate" else {}, idle=idle)
        return workspace.commit(record.model_copy(update={"device": "cpu"}))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> gclbench.Study:
    """Two rows of Table 6 with two seeds; a stage run is done at once."""

    def run(config: Any, node: Node, sink: Any) -> Any:
        return finish(config.home, node, shift=float(node.seed))

    monkeypatch.setattr("gclbench.running.run.run_node", run)
    return gclbench.open("table6", home=tmp_path, executor="inline", **WORDS)


def test_the_words_are_those_that_are_declared() -> None:
    words = set(inspect.signature(gclbench.open).parameters)
    assert words == set(OpenWords.declared())
    with pytest.raises(UsageError, match=r'no study is named.*study="table6"'):
        gclbench.open()
    scl = gclbench.open(recipe="scl", tasks="market1501", seeds="0-2", profile="smoke")
    assert repr(scl) == "<study recipe_scl: 3 cells, profile smoke>"


def test_opening_writes_nothing_and_refuses_wrong_words(tmp_path: Path) -> None:
    home = tmp_path / "results"
    opened = gclbench.open("table6", home=home, **WORDS)
    assert repr(opened) == "<study table6: 4 cells, profile smoke>"
    assert opened.plan().summary["cells"] == 2
    assert not home.exists()
    with pytest.raises(UnknownNameError, match="Did you mean 'table6'"):
        gclbench.open("tabel6")
    with pytest.raises(UnknownNameError, match="Did you mean 'none'"):
        gclbench.open("table6", rows=["nome"])
    with pytest.raises(OverrideError, match=r"joint\.temperature"):
        gclbench.open("table6", settings={"joint.temperatur": 0.05})


def test_a_plan_is_text_html_and_frames(study: gclbench.Study) -> None:
    plan = study.plan()
    assert str(plan).startswith("2 cells, 2 controls\n\nstage")
    assert "<table" in plan._repr_html_()
    assert list(plan.cells.columns) == ["study", "row", "task", "seed", "node", "cached"]
    assert len(plan.cells) == 4
    assert plan.stages.loc["all"].tolist() == [16, 12, 0, 12]
    assert not plan.nodes["cached"].any()
    study.run()
    assert study.plan().cells["cached"].all()
    assert study.plan().stages.loc["all"].tolist() == [16, 12, 12, 0]


def test_a_run_gives_a_frame_with_a_row_for_each_cell_seed_and_metric(
    study: gclbench.Study,
) -> None:
    frame = study.run().frame()
    assert list(frame.columns) == [
        *("study", "row", "task", "seed", "metric", "value", "node", "data", "profile", "device"),
    ]
    assert len(frame) == 2 * 2 * 4
    values = frame.pivot_table(index=["row", "seed"], columns="metric", values="value")
    assert values.loc[("multi", 1), "mAP"] == 41.0
    assert values.loc[("none", 0), "R10"] == 90.0
    assert set(frame["data"]) == {"synthetic_market1501"}
    assert (set(frame["profile"]), set(frame["device"])) == ({"smoke"}, {"cpu"})
    assert set(frame["node"]) == set(study.plan().cells["node"])


def test_the_table_is_the_papers_in_every_format(study: gclbench.Study) -> None:
    table = study.run().table()
    assert "40.5" in table.to_markdown()
    assert r"\begin{document}" in table.to_latex()
    assert table.to_html().startswith("<!DOCTYPE html>")
    assert table.to_csv().startswith("table,row_key")
    assert "Table 6" in str(table)
    shown = table._repr_html_()
    assert "<style>" not in shown
    assert shown.strip().startswith("<section>")


def test_queries_are_in_percent_and_of_every_seed(study: gclbench.Study) -> None:
    results = study.run()
    found = results.queries("multi", "market1501")
    assert list(found.columns) == ["seed", "query", "pid", "ap", "inp", "first_match"]
    assert found["seed"].tolist() == [0, 0, 0, 1, 1, 1]
    alone = results.queries("multi", "market1501", seed=1)
    assert alone["ap"].tolist() == pytest.approx([26.0, np.nan, 56.0], nan_ok=True)
    assert alone["first_match"].tolist() == [2, 0, 1]
    with pytest.raises(UnknownNameError, match="Did you mean 'multi market1501'"):
        results.queries("multy", "market1501")
    with pytest.raises(DataMissingError, match="seed 7"):
        results.queries("multi", "market1501", seed=7)


def test_nothing_finished_is_an_empty_frame(study: gclbench.Study) -> None:
    results = study.results()
    assert results.frame().empty
    assert results.damaged().empty
    assert repr(results) == "<results of table6: 0 of 4 cells are measured>"


def test_a_failure_raises_and_what_is_done_stays(
    study: gclbench.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(config: Any, node: Node, sink: Any) -> Any:
        if node.label.startswith("joint multi"):
            raise TrainingError("l_vi is not finite.", "Lower joint.lr.")
        return finish(tmp_path, node)

    monkeypatch.setattr("gclbench.running.run.run_node", run)
    with pytest.raises(TrainingError, match=r"2 of 12 stage runs failed.*joint multi"):
        study.run()
    assert set(study.results().frame()["row"]) == {"none"}
    assert set(study.run(check=False).frame()["row"]) == {"none"}


def test_an_interrupt_is_an_interrupt(
    study: gclbench.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(config: Any, node: Node, sink: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("gclbench.running.run.run_node", stop)
    with pytest.raises(KeyboardInterrupt):
        study.run()


def test_progress_says_what_the_command_line_says(
    study: gclbench.Study, capsys: pytest.CaptureFixture[str]
) -> None:
    study.run(progress=True)
    assert "done   evaluate multi sMarket seed 1" in capsys.readouterr().err
    study.run()
    assert capsys.readouterr() == ("", "")


def test_several_studies_need_a_name_for_a_table(tmp_path: Path) -> None:
    both = gclbench.open(["table6", "table7"], home=tmp_path, profile="smoke").results()
    assert both.table("table7").data[0].report == "table7"
    with pytest.raises(UnknownNameError, match="table6, table7"):
        both.table()


def test_damage_is_named_and_has_no_row(study: gclbench.Study, tmp_path: Path) -> None:
    study.run()
    node = study.plan().cells.set_index(["row", "seed"]).loc[("multi", 1), "node"]
    (folder,) = tmp_path.glob(f"artifacts/evaluate/{node}")
    np.savez(folder / "per_query.npz", ap=[7.0])
    results = study.results()
    assert results.damaged().to_dict("records") == [
        {"row": "multi", "task": "market1501", "seed": 1, "node": node}
    ]
    assert len(results.frame()) == 3 * 4


def test_runs_are_a_frame(small: Any, stage: Callable[[str, Any], None]) -> None:
    from gclbench.running.run import run_study

    def evaluated(context: Any) -> dict[str, float]:
        np.savez(context.folder / "per_query.npz", pids=[1], ap=[0.4])
        return SCORES

    for name in ("pretrain", "warmup"):
        stage(name, lambda context: {})
    stage("evaluate", evaluated)
    with pytest.raises(DataMissingError, match="no run is recorded"):
        gclbench.runs(small.question.home)
    run_study(open_study(replace(small.question, executor="inline")), lambda event: None)
    frame = gclbench.runs(small.question.home)
    assert frame["stage"].tolist() == ["pretrain", "warmup", "evaluate"]
    assert set(frame["status"]) == {"COMPLETED"}
    assert frame["mAP"].iloc[-1] == 40.0
    assert pd.isna(frame["mAP"].iloc[0])
    assert (frame["stopped"] >= frame["started"]).all()


def test_a_cell_of_which_a_stage_took_no_step_is_in_no_frame_and_told_apart(
    study: gclbench.Study, tmp_path: Path
) -> None:
    opened = study.opened
    lost = next(cell for cell in opened.cells if (cell.row.key, cell.seed) == ("multi", 1))
    idle = Idle(stage="joint", epochs=2, without_step=2, why="few")
    finish(tmp_path, opened.plan.node(opened.plan.evaluate_key(lost)), idle=(idle,))
    study.run()
    results = study.results()
    frame = results.frame()
    assert set(frame[frame["row"] == "multi"]["seed"]) == {0}
    told = results.untrained()
    assert told[["row", "task", "seed"]].values.tolist() == [["multi", "market1501", 1]]
    assert told["why"][0].startswith("stage 3 took no step (few)")
    assert len(results.damaged()) == 0
    with pytest.raises(DataMissingError, match="no result of its own: stage 3 took no step"):
        results.queries("multi", "market1501", 1)
