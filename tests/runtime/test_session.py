"""Plans, keys, scores and runs of a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gclbench.errors import DataMissingError, TrainingError, UnknownNameError, UsageError
from gclbench.executors.events import NodeFailed, NodeFinished, Outcome
from gclbench.runtime import session as session_module
from gclbench.runtime.session import Session
from gclbench.schema import Stage
from gclbench.tracking.store import RunStore

Open = Callable[..., Session]
STAGES = ("pretrain", "source", "warmup", "gan", "joint", "evaluate")
SCORES = {"mAP": 40.0, "R1": 60.0, "R5": 80.0, "R10": 90.0}


def keys(session: Session, *stages: str) -> set[str]:
    return {node.key for node in session.plan.nodes if node.stage in (stages or STAGES)}


def quiet(event: Any) -> None:
    return None


def test_the_summary_of_table6_is_the_contract_of_plan_json(session: Open) -> None:
    summary = session().summary()
    counts = ["cells", "controls", "requested", "unique", "cached"]
    assert list(summary) == [*counts, "cost", "before_kernel_fix"]
    assert summary["before_kernel_fix"] == []
    assert (summary["cells"], summary["controls"]) == (28, 8)
    for counts in (summary["requested"], summary["unique"], summary["cached"]):
        assert tuple(counts) == STAGES
    assert summary["requested"] == dict(zip(STAGES, (36, 18, 36, 16, 32, 36), strict=True))
    assert summary["unique"] == dict(zip(STAGES, (1, 2, 4, 4, 32, 36), strict=True))
    assert set(summary["cached"].values()) == {0}


def test_the_summary_lists_artifacts_from_before_the_kernel_fix(session: Open) -> None:
    opened = session()
    folder = opened.request.home / "artifacts" / "joint" / "ab12"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"components": {"stages/joint": 3}}')
    assert opened.summary()["before_kernel_fix"] == ["artifacts/joint/ab12"]


def test_planning_writes_nothing(session: Open) -> None:
    opened = session()
    opened.summary()
    assert not opened.request.home.exists()


@pytest.mark.parametrize(
    "override",
    [
        {"joint.lr": 0.001},
        {"joint.epochs": 7},
        {"joint.temperature": 0.07},
        {"joint.pseudo_labels.eps": 0.45},
        {"joint.batch_norm_updates": "all"},
        {"joint.mix_alpha": 0.9},
    ],
)
def test_a_stage_three_setting_keeps_all_keys_of_stages_one_and_two(
    session: Open, override: dict[str, Any]
) -> None:
    plain, changed = session(), session(overrides=override)
    before = ("pretrain", "source", "warmup", "gan")
    assert keys(plain, *before) == keys(changed, *before)
    assert keys(plain, "joint").isdisjoint(keys(changed, "joint"))


def test_a_stage_two_setting_keeps_stage_one_and_rows_without_a_generator(session: Open) -> None:
    plain, changed = session(), session(overrides={"gan.lr": 0.01})
    assert keys(plain, "pretrain", "source", "warmup") == keys(
        changed, "pretrain", "source", "warmup"
    )
    assert keys(plain, "gan").isdisjoint(keys(changed, "gan"))
    chains = {cell.name: changed.plan.chain(cell) for cell in changed.cells}
    same = {c.row.key for c in plain.cells if plain.plan.chain(c) == chains[c.name]}
    assert same == {"baseline", "multi", "multi_mixup", "none", "oracle_rotation"}


def test_an_evaluation_setting_retrains_nothing(session: Open) -> None:
    plain = session()
    changed = session(overrides={"evaluate.average_precision": "trapezoid"})
    assert keys(plain, *STAGES[:-1]) == keys(changed, *STAGES[:-1])
    assert keys(plain, "evaluate").isdisjoint(keys(changed, "evaluate"))


@pytest.mark.parametrize(
    "fields",
    [
        {"executor": "inline"},
        {"workers": 7},
        {"device": "cuda"},
        {"store": "sqlite:///other.db"},
        {"observers": ("file://observed",)},
        {"home": Path("elsewhere")},
    ],
)
def test_where_and_how_a_node_runs_is_not_in_its_key(
    session: Open, fields: dict[str, Any]
) -> None:
    assert keys(session()) == keys(session(**fields))


def test_seeds_have_keys_of_their_own(session: Open) -> None:
    assert keys(session()).isdisjoint(keys(session(seeds=(1,))))
    assert keys(session(), "pretrain") <= keys(session(seeds=(0, 1)), "pretrain")


def test_rows_and_tasks_choose_cells_and_unknown_ones_get_the_nearest_word(session: Open) -> None:
    chosen = session(rows=("rotation", "none"), tasks=("duke2market",))
    assert [cell.name for cell in chosen.cells] == [
        "table6/rotation/duke2market/0",
        "table6/none/duke2market/0",
    ]
    with pytest.raises(UnknownNameError, match="Did you mean 'rotation'"):
        session(rows=("rotaton",))
    with pytest.raises(UnknownNameError, match="Did you mean 'market1501'"):
        session(tasks=("market1502",))


def test_a_row_that_one_of_several_studies_has_is_enough(session: Open) -> None:
    both = session("table6", "world_check", rows=("baseline",))
    assert {cell.study for cell in both.cells} == {"table6"}


def test_a_data_root_without_the_dataset_is_missing_data(session: Open, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="Market-1501 is not under"):
        session(overrides={"data.root": str(tmp_path)})


def test_numbers_are_labelled_with_the_data_behind_them(session: Open) -> None:
    assert session().data_label("duke2market") == "synthetic_market1501"
    assert session().data_label("dukemtmc-reid") == "synthetic_dukemtmc_reid"


def test_scores_are_those_of_finished_cells_only(session: Open, commit: Any) -> None:
    opened = session(rows=("baseline", "none"), seeds=(0, 1))
    cell = opened.cells[0]
    node = opened.plan.node(opened.plan.evaluate_key(cell))
    commit(opened, node, SCORES, ap=[0.25, np.nan, 0.55])
    scores = opened.scores(opened.studies[0])
    assert list(scores) == [("baseline", "market1501")]
    score = scores["baseline", "market1501"][0]
    assert (score.metrics, score.node) == (SCORES, node.key)
    assert score.ap == pytest.approx([25.0, np.nan, 55.0], nan_ok=True)
    assert opened.record(node) is not None
    assert opened.summary()["cached"]["evaluate"] == 1


def test_a_score_knows_the_records_of_its_stages_that_can_be_read(
    small: Session, commit: Any
) -> None:
    nodes = [small.plan.node(key) for key in small.plan.chain(small.cells[0])]
    for node in nodes[1:]:
        commit(small, node, SCORES, ap=[0.4])
    (small.artifacts.path(nodes[1]) / "manifest.json").write_text("{")
    (by_seed,) = small.scores(small.studies[0]).values()
    assert [record.key for record in by_seed[0].records] == [node.key for node in nodes[2:]]


def test_finished_scores_run_nothing_even_without_their_parents(
    small: Session, commit: Any
) -> None:
    node = small.plan.node(small.plan.evaluate_key(small.cells[0]))
    commit(small, node, SCORES)
    outcome = small.run(quiet)
    assert dict(outcome.outcomes) == {node.key: Outcome.REUSED}
    assert outcome.count(Outcome.REUSED) == 1


def test_a_failure_is_reported_by_key_and_stops_only_what_stands_behind_it(
    session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = session(rows=("baseline", "multi", "none"), tasks=("market1501",), executor="inline")

    def run(config: Any, node: Any, sink: Any) -> Any:
        if node.label.startswith("joint multi"):
            raise TrainingError("l_vi is not finite.", "Lower joint.lr.")
        with opened.artifacts.workspace(node) as workspace:
            return workspace.commit(node.record())

    monkeypatch.setattr(session_module, "run_node", run)
    events: list[Any] = []
    outcome = opened.run(events.append)
    ends = {opened.plan.node(key).label: end for key, end in outcome.outcomes.items()}
    assert {label for label, end in ends.items() if end is not Outcome.COMPLETED} == {
        "joint multi market1501 seed 0",
        "evaluate multi market1501 seed 0",
    }
    assert list(outcome.errors.values()) == ["l_vi is not finite. Lower joint.lr."]
    assert [event.kind for event in events if isinstance(event, NodeFailed)] == ["TrainingError"]


def test_what_was_asked_for_is_remembered(small: Session, commit: Any) -> None:
    node = small.plan.node(small.plan.evaluate_key(small.cells[0]))
    commit(small, node, SCORES)
    small.run(quiet)
    store = RunStore(small.store_url)
    (asked,) = store.studies()
    assert (asked.study, asked.profile) == ("table6", "smoke")
    assert asked.overrides == {"pretrain.kind": "random"}
    (cell,) = store.requests("table6", "smoke", asked.overrides)
    assert (cell.row, cell.task, cell.seed) == ("baseline", "market1501", 0)
    assert cell.node_key == node.key


def test_an_unknown_executor_gets_the_list(small: Session, session: Open) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown executor 'slrm'.*Allowed: inline, local"):
        session(rows=("baseline",), executor="slrm").run(quiet)


def test_the_cells_behind_a_node_are_found(session: Open) -> None:
    opened = session(rows=("baseline", "none"), tasks=("market1501",))
    cell = opened.cells[1]
    node = opened.plan.node(opened.plan.evaluate_key(cell))
    assert opened.finished_cells(NodeFinished(node, None, 0.0)) == [cell]
    assert node.stage is Stage.EVALUATE


def test_a_method_without_the_source_it_needs_fails_before_anything_runs(session: Open) -> None:
    act = {"warmup.method": "act"}
    with pytest.raises(UsageError, match=r"method=act needs .* 'market1501' has none.*uda task"):
        session(tasks=("market1501", "duke2market"), overrides=act)
    assert session(rows=("rotation",), tasks=("duke2market",), overrides=act).cells


def test_a_method_of_images_asked_for_tracklets_fails_before_anything_runs(session: Open) -> None:
    with pytest.raises(UsageError, match=r"method=mmcl runs on images, and mars holds .* buc"):
        session("table10", rows=("gcl",), tasks=("mars",), overrides={"warmup.method": "mmcl"})
    with pytest.raises(UsageError, match="mmcl runs on images"):
        session("recipe_mmcl", tasks=("dukemtmc-videoreid",))
    assert session("recipe_mmcl", tasks=("market1501",)).cells
    assert session("recipe_scl", tasks=("mars",)).cells


def test_rows_that_stop_before_stage_1_demand_nothing_of_it(session: Open, tmp_path: Path) -> None:
    study = tmp_path / "ablations" / "early.yaml"
    study.parent.mkdir()
    study.write_text(
        "study: early\ntitle: Early\nrecipe: act\nreport: table6\nseeds: [0]\n"
        "tasks: [{name: mars, setting: usl, label: MARS, target: mars}]\n"
        "rows: [{key: start, label: Start, stop: pretrain}]\n"
    )
    opened = session("early", content_dirs=(tmp_path,))
    assert {node.stage for node in opened.plan.nodes} == {Stage.PRETRAIN, Stage.EVALUATE}
    study.write_text(study.read_text().replace("stop: pretrain", "stop: warmup"))
    with pytest.raises(UsageError, match="method=act needs a labelled source"):
        session("early", content_dirs=(tmp_path,))
