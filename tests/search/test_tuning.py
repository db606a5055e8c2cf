"""What a request becomes: its name in the store, its goal, and what may not be overridden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gclbench.content import Content
from gclbench.errors import OverrideError, UsageError
from gclbench.search.tuning import Tuning, open_board, open_tuning, start, trial_settings
from gclbench.study.opened import open_study
from gclbench.study.question import Question

EPS = "joint.pseudo_labels.eps"


@pytest.fixture
def request_of(tmp_path: Path) -> Any:
    def make(study: str = "dbscan_eps", **fields: Any) -> Question:
        return replace(Question((study,), tmp_path, profile="smoke"), **fields)

    return make


def changed(tmp_path: Path, old: str, new: str) -> tuple[Path, ...]:
    """A content folder whose dbscan_eps differs from the shipped one, which it stands in for."""
    text = Content().path("ablations", "dbscan_eps").read_text(encoding="utf-8")
    assert old in text
    folder = tmp_path / "mine" / "ablations"
    folder.mkdir(parents=True, exist_ok=True)
    text = text.replace(old, new).replace("study: dbscan_eps", "study: dbscan_eps2")
    (folder / "dbscan_eps2.yaml").write_text(text, encoding="utf-8")
    return (folder.parent,)


def test_every_trial_is_judged_on_held_out_identities(request_of: Any) -> None:
    tuning = open_tuning(request_of("temperature", overrides={"joint.lr": 0.001}))
    overrides = tuning.overrides({"joint.temperature": 0.07})
    assert overrides == {
        "joint.lr": 0.001,
        "joint.temperature": 0.07,
        "joint.evaluate_every": 1,
        "data.validation_share": 0.25,
        "evaluate.split": "validation",
    }
    assert tuning.overrides({}, "test")["evaluate.split"] == "test"


def test_the_origin_names_source_and_target(request_of: Any) -> None:
    wanted = "Data: synthetic_dukemtmc_reid → synthetic_market1501. Profile: smoke. Seed: 0."
    assert open_tuning(request_of()).origin == wanted


def test_only_a_pruner_needs_every_epoch(request_of: Any) -> None:
    assert "joint.evaluate_every" not in trial_settings(open_tuning(request_of()).search)


def test_the_number_of_trials_and_where_they_run_are_no_part_of_the_name(
    request_of: Any, tmp_path: Path
) -> None:
    name = open_tuning(request_of()).name
    assert name.startswith("dbscan_eps-smoke-")
    others = [{"workers": 3}, {"device": "cpu"}, {"home": tmp_path / "other"}]
    assert {open_tuning(request_of(**fields), 7).name for fields in others} == {name}


@pytest.mark.parametrize(
    "old,new",
    [
        ("high: 0.7", "high: 0.8"),
        ("sampler: tpe", "sampler: random"),
        ("trials: 20", "trials: 20\n  validation_share: 0.5"),
        ("seeds: [0]", "seeds: [1]"),
        ("target: market1501, source: dukemtmc_reid", "target: dukemtmc_reid, source: market1501"),
    ],
)
def test_what_changes_a_trial_is_another_study(
    request_of: Any, tmp_path: Path, old: str, new: str
) -> None:
    def name(old: str, new: str) -> str:
        dirs = changed(tmp_path, old, new)
        return open_tuning(request_of("dbscan_eps2", content_dirs=dirs)).name

    assert name(old, new) != name("trials: 20", "trials: 21")


def test_an_override_is_another_study(request_of: Any) -> None:
    names = {open_tuning(request_of(overrides=o)).name for o in ({}, {"joint.lr": 0.001})}
    assert len(names) == 2


def test_changed_spaces_do_not_mix_their_trials(request_of: Any, tmp_path: Path) -> None:
    tunings = [
        start(open_tuning(request_of())),
        start(open_tuning(request_of(overrides={"joint.lr": 0.001}))),
    ]
    open_board(tunings[0]).claim(tunings[0].goal)
    assert [len(open_board(tuning).trials()) for tuning in tunings] == [1, 0]


@pytest.mark.parametrize("name,value", [(EPS, 0.4), ("evaluate.split", "test")])
def test_what_the_search_gives_cannot_be_overridden(
    request_of: Any, name: str, value: Any
) -> None:
    with pytest.raises(OverrideError, match=name):
        open_tuning(request_of(overrides={name: value}))


def test_a_table_is_not_searched_and_a_search_is_not_run(request_of: Any) -> None:
    with pytest.raises(UsageError, match="gclbench run ablation=table6"):
        open_tuning(request_of("table6"))
    with pytest.raises(UsageError, match="gclbench tune study=dbscan_eps"):
        open_study(request_of())


def test_a_grid_is_no_longer_than_its_points(request_of: Any, tmp_path: Path) -> None:
    dirs = changed(
        tmp_path,
        "{low: 0.3, high: 0.7}\n  sampler: tpe",
        "{low: 0.3, high: 0.7, step: 0.1}\n  sampler: grid",
    )
    made: Tuning = open_tuning(request_of("dbscan_eps2", content_dirs=dirs), 30)
    assert (made.grid_size, made.goal.trials) == (5, 5)


def test_a_started_search_says_what_it_is(request_of: Any) -> None:
    board = open_board(start(open_tuning(request_of())))
    facts = board.study.user_attrs
    assert (facts["study"], facts["profile"], facts["overrides"]) == ("dbscan_eps", "smoke", {})
    assert facts["search"]["sampler"] == "tpe"
    assert facts["optuna"]


@pytest.mark.parametrize("name", ["dbscan_eps", "temperature", "joint_eps_temperature"])
def test_shipped_searches_open(request_of: Any, name: str) -> None:
    tuning = open_tuning(request_of(name))
    plan = tuning.open({}).plan
    stages = [plan.node(key).stage.value for key in plan.chain(plan.cells[0])]
    assert stages == ["pretrain", "source", "warmup", "gan", "joint", "evaluate"]
