"""`gclbench tune` as a user meets it, over an objective that trains nothing."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import DataMissingError, TrainingError
from gclbench.search import run as module
from gclbench.search.trial import Measured

Cli = Callable[..., tuple[int, str, str]]
OTHERS = ("pruned", "failed", "running", "damaged")
WORDS = ("tune", "study=dbscan_eps", "profile=smoke", "trials=3")


class Objective:
    """Scores that follow from eps; `fail` maps the number of a call to its error."""

    def __init__(self) -> None:
        self.calls = 0
        self.fail: dict[int, BaseException] = {}

    def __call__(self, tuning: Any, values: Mapping[str, Any], report: Any) -> Measured:
        self.calls += 1
        error = self.fail.get(self.calls) or self.fail.get(0)
        if error is not None:
            raise error
        (value,) = values.values()
        notes = {"test_mAP": 30.0, "test_R1": 50.0, "seconds": 2.0, "node": "abc"}
        return Measured({"mAP": 10.0 + value, "seconds": 2.0}, notes)


@pytest.fixture
def objective(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Objective:
    made = Objective()
    run = functools.partial(module.run_search, objective=made)
    monkeypatch.setattr(module, "run_search", run)
    monkeypatch.setenv("GCLBENCH_HOME", str(tmp_path / "results"))
    monkeypatch.delenv("GCLBENCH_CONTENT", raising=False)
    return made


def test_a_search_prints_best_importance_and_files_and_trials_as_progress(
    loud_cli: Cli, objective: Objective
) -> None:
    code, out, err = loud_cli(*WORDS)
    assert code == 0
    lines = out.splitlines()
    assert sum(line.startswith("trial ") for line in err.splitlines()) == 3
    assert "validation mAP 10.5  test mAP 30.0  trained  2 s" in err
    assert "trial " not in out.replace("best: trial ", "")
    origin = "Data: synthetic_dukemtmc_reid → synthetic_market1501. Profile: smoke. Seed: 0."
    assert f"3 trials: 3 complete, 0 pruned, 0 failed. {origin}" in lines
    assert any(line.startswith("best: trial ") for line in lines)
    assert "No parameter importance: the search has one parameter." in lines
    assert sum(line.startswith("wrote ") for line in lines) == 9


def test_files_lie_under_the_results_folder_or_out(
    cli: Cli, objective: Objective, tmp_path: Path
) -> None:
    cli(*WORDS)
    assert (tmp_path / "results" / "reports" / "tune" / "dbscan_eps" / "summary.md").is_file()
    cli(*WORDS, f"out={tmp_path / 'here'}")
    assert (tmp_path / "here" / "trials.csv").is_file()


def test_a_second_call_trains_nothing_and_prints_the_same(cli: Cli, objective: Objective) -> None:
    first = cli(*WORDS)
    assert cli(*WORDS) == first
    assert objective.calls == 3
    cli(*WORDS[:-1], "trials=5")
    assert objective.calls == 5


def test_json_is_one_object_and_nothing_else(cli: Cli, objective: Objective) -> None:
    code, out, err = cli(*WORDS, "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert list(found) == ["study", "trials", "best"]
    assert found["study"].startswith("dbscan_eps-smoke-")
    assert found["trials"] == {"complete": 3, **dict.fromkeys(OTHERS, 0)}
    assert list(found["best"]) == ["number", "params", "values", "test_mAP", "node"]
    assert found["best"]["values"]["mAP"] == max(
        10.0 + found["best"]["params"]["joint.pseudo_labels.eps"], 10.0
    )


def test_some_failures_are_exit_5_and_the_next_call_fills_their_places(
    cli: Cli, loud_cli: Cli, objective: Objective
) -> None:
    objective.fail = {2: TrainingError("l_vi is not finite.", "Lower joint.lr.")}
    code, out, err = loud_cli(*WORDS)
    assert code == 5
    assert "failed: l_vi is not finite. Lower joint.lr." in err
    assert "3 trials: 2 complete, 0 pruned, 1 failed." in out
    code, out, _ = cli(*WORDS)
    assert code == 0
    assert "4 trials: 3 complete, 0 pruned, 1 failed." in out


def test_nothing_but_failures_is_exit_1(cli: Cli, objective: Objective) -> None:
    objective.fail = {0: TrainingError("not finite.")}
    code, out, _ = cli(*WORDS)
    assert code == 1
    assert "0 complete" in out
    assert json.loads(cli(*WORDS, "--json")[1])["best"] == {}


def test_nothing_but_missing_data_is_exit_3(cli: Cli, objective: Objective) -> None:
    objective.fail = {0: DataMissingError("cannot read 0001.jpg.")}
    assert cli(*WORDS)[0] == 3


def test_an_interrupt_is_exit_130_and_the_same_command_goes_on(
    cli: Cli, loud_cli: Cli, objective: Objective
) -> None:
    objective.fail = {2: KeyboardInterrupt()}
    code, _, err = cli(*WORDS)
    assert code == 130
    assert "the same command continues" in err
    code, out, err = loud_cli(*WORDS)
    assert code == 0
    assert "again: trial 1 was cut off" in err
    assert "3 trials: 3 complete" in out


@pytest.mark.parametrize(
    "words,part",
    [
        (("tune",), "no study is named"),
        (("tune", "dbscan_epz"), "Did you mean 'dbscan_eps'"),
        (("tune", "study=dbscan_epz"), "Did you mean 'dbscan_eps'"),
        (("tune", "study=table6"), "Use: gclbench run ablation=table6"),
        (("run", "ablation=dbscan_eps"), "Use: gclbench tune study=dbscan_eps"),
        (("plan", "ablation=dbscan_eps"), "Use: gclbench tune study=dbscan_eps"),
        (("tune", "studdy=dbscan_eps"), "Did you mean 'study'"),
        (("tune", "study=dbscan_eps", "trial=3"), "Did you mean 'trials'"),
        (("tune", "study=dbscan_eps", "trials=none"), "whole number"),
        (("tune", "study=dbscan_eps", "trials=0"), "whole number"),
        (("tune", "study=dbscan_eps", "profile=smoek"), "Did you mean 'smoke'"),
        (("tune", "study=dbscan_eps", "joint.epoch=1"), "Did you mean 'joint.epochs'"),
        (("tune", "study=dbscan_eps", "joint.pseudo_labels.eps=0.5"), "what the search varies"),
        (("tune", "study=dbscan_eps", "evaluate.split=test"), "given by the search"),
        (("tune", "study=dbscan_eps", "store=nonsense"), "is not a store"),
    ],
)
def test_wrong_words_are_one_line_and_exit_2(
    cli: Cli, objective: Objective, words: tuple[str, ...], part: str
) -> None:
    code, _, err = cli(*words)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert part in err
    assert objective.calls == 0


def test_a_report_of_tables_passes_over_searches(cli: Cli, objective: Objective) -> None:
    cli(*WORDS)
    code, _, err = cli("report", "dbscan_eps")
    assert code == 2
    assert "unknown table" in err
    code, out, _ = cli("list", "ablations", "--json")
    verbs = {item["name"]: item["verb"] for item in json.loads(out)}
    assert (verbs["dbscan_eps"], verbs["table6"]) == ("tune", "run")
