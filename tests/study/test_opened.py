"""Open studies: plans, keys, and what is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gclbench.datasets.origin import write_marker
from gclbench.errors import DataMissingError, UnknownNameError, UsageError
from gclbench.schema import Stage
from gclbench.study.opened import OpenStudy
from gclbench.testing.layouts import write_market

Open = Callable[..., OpenStudy]
STAGES = ("pretrain", "source", "warmup", "gan", "joint", "evaluate")


def keys(opened: OpenStudy, *stages: str) -> set[str]:
    return {node.key for node in opened.plan.nodes if node.stage in (stages or STAGES)}


def test_the_summary_of_table6_is_the_contract_of_plan_json(open_one: Open) -> None:
    summary = open_one().summary()
    counts = ["cells", "controls", "requested", "unique", "cached", "to_run"]
    assert list(summary) == [*counts, "cost", "before_kernel_fix"]
    assert summary["before_kernel_fix"] == []
    assert (summary["cells"], summary["controls"]) == (28, 8)
    for counts in (summary["requested"], summary["unique"], summary["cached"]):
        assert tuple(counts) == STAGES
    assert summary["requested"] == dict(zip(STAGES, (36, 18, 36, 16, 32, 36), strict=True))
    assert summary["unique"] == dict(zip(STAGES, (1, 2, 4, 4, 32, 36), strict=True))
    assert set(summary["cached"].values()) == {0}


def test_the_summary_lists_artifacts_from_before_the_kernel_fix(open_one: Open) -> None:
    opened = open_one()
    folder = opened.question.home / "artifacts" / "joint" / "ab12"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"components": {"stages/joint": 3}}')
    assert opened.summary()["before_kernel_fix"] == ["artifacts/joint/ab12"]


def test_planning_writes_nothing(open_one: Open) -> None:
    opened = open_one()
    opened.summary()
    assert not opened.question.home.exists()


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
    open_one: Open, override: dict[str, Any]
) -> None:
    plain, changed = open_one(), open_one(overrides=override)
    before = ("pretrain", "source", "warmup", "gan")
    assert keys(plain, *before) == keys(changed, *before)
    assert keys(plain, "joint").isdisjoint(keys(changed, "joint"))


def test_a_stage_two_setting_keeps_stage_one_and_rows_without_a_generator(open_one: Open) -> None:
    plain, changed = open_one(), open_one(overrides={"gan.lr": 0.01})
    assert keys(plain, "pretrain", "source", "warmup") == keys(
        changed, "pretrain", "source", "warmup"
    )
    assert keys(plain, "gan").isdisjoint(keys(changed, "gan"))
    chains = {cell.name: changed.plan.chain(cell) for cell in changed.cells}
    same = {c.row.key for c in plain.cells if plain.plan.chain(c) == chains[c.name]}
    assert same == {"baseline", "multi", "multi_mixup", "none", "oracle_rotation"}


def test_an_evaluation_setting_retrains_nothing(open_one: Open) -> None:
    plain = open_one()
    changed = open_one(overrides={"evaluate.average_precision": "trapezoid"})
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
    open_one: Open, fields: dict[str, Any]
) -> None:
    assert keys(open_one()) == keys(open_one(**fields))


def test_seeds_have_keys_of_their_own(open_one: Open) -> None:
    assert keys(open_one()).isdisjoint(keys(open_one(seeds=(1,))))
    assert keys(open_one(), "pretrain") <= keys(open_one(seeds=(0, 1)), "pretrain")


def test_rows_and_tasks_choose_cells_and_unknown_ones_get_the_nearest_word(open_one: Open) -> None:
    chosen = open_one(rows=("rotation", "none"), tasks=("duke2market",))
    assert [cell.name for cell in chosen.cells] == [
        "table6/rotation/duke2market/0",
        "table6/none/duke2market/0",
    ]
    with pytest.raises(UnknownNameError, match="Did you mean 'rotation'"):
        open_one(rows=("rotaton",))
    with pytest.raises(UnknownNameError, match="Did you mean 'market1501'"):
        open_one(tasks=("market1502",))


def test_a_row_that_one_of_several_studies_has_is_enough(open_one: Open) -> None:
    both = open_one("table6", "world_check", rows=("baseline",))
    assert {cell.study for cell in both.cells} == {"table6"}


def test_a_data_root_without_the_dataset_is_missing_data(open_one: Open, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="Market-1501 is not under"):
        open_one(overrides={"data.root": str(tmp_path)})


def test_numbers_are_labelled_with_the_data_behind_them(open_one: Open) -> None:
    assert open_one().data_label("duke2market") == "synthetic_market1501"
    assert open_one().data_label("dukemtmc-reid") == "synthetic_dukemtmc_reid"


def test_a_twin_that_was_written_out_is_never_called_by_the_real_ones_name(
    open_one: Open, tmp_path: Path
) -> None:
    root = write_market(tmp_path / "reid")
    asked = {
        "rows": ("baseline",),
        "tasks": ("market1501",),
        "overrides": {"data.root": str(root)},
    }
    assert open_one(**asked).data_label("market1501") == "market1501"
    write_marker(root, "synthetic_market1501", {})
    assert open_one(**asked).data_label("market1501") == "synthetic_market1501"


def test_another_world_is_pre_trained_on_other_people(open_one: Open) -> None:
    first, other = (
        keys(open_one(overrides={"data.world.seed": seed}), "pretrain") for seed in (0, 1)
    )
    assert first.isdisjoint(other)


def test_a_method_without_the_source_it_needs_fails_before_anything_runs(open_one: Open) -> None:
    act = {"warmup.method": "act"}
    with pytest.raises(UsageError, match=r"method=act needs .* 'market1501' has none.*uda task"):
        open_one(tasks=("market1501", "duke2market"), overrides=act)
    assert open_one(rows=("rotation",), tasks=("duke2market",), overrides=act).cells


def test_a_method_of_images_asked_for_tracklets_fails_before_anything_runs(open_one: Open) -> None:
    with pytest.raises(UsageError, match=r"method=mmcl runs on images, and mars holds .* buc"):
        open_one("table10", rows=("gcl",), tasks=("mars",), overrides={"warmup.method": "mmcl"})
    with pytest.raises(UsageError, match="mmcl runs on images"):
        open_one("recipe_mmcl", tasks=("dukemtmc-videoreid",))
    assert open_one("recipe_mmcl", tasks=("market1501",)).cells
    assert open_one("recipe_scl", tasks=("mars",)).cells


def test_rows_that_stop_before_stage_1_demand_nothing_of_it(
    open_one: Open, tmp_path: Path
) -> None:
    study = tmp_path / "ablations" / "early.yaml"
    study.parent.mkdir()
    study.write_text(
        "study: early\ntitle: Early\nrecipe: act\nreport: table6\nseeds: [0]\n"
        "tasks: [{name: mars, setting: usl, label: MARS, target: mars}]\n"
        "rows: [{key: start, label: Start, stop: pretrain}]\n"
    )
    opened = open_one("early", content_dirs=(tmp_path,))
    assert {node.stage for node in opened.plan.nodes} == {Stage.PRETRAIN, Stage.EVALUATE}
    study.write_text(study.read_text().replace("stop: pretrain", "stop: warmup"))
    with pytest.raises(UsageError, match="method=act needs a labelled source"):
        open_one("early", content_dirs=(tmp_path,))
