from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gclbench.content import Content
from gclbench.digest import digest
from gclbench.errors import DataMissingError, UnknownNameError, UsageError
from gclbench.plan import Cell, Plan, build_cells, build_plan
from gclbench.schema import Profile, Recipe, Row, Settings, Stage, Study, Task

TASKS = (
    Task(name="market1501", setting="usl", label="M", target="market1501"),
    Task(name="dukemtmc-reid", setting="usl", label="D", target="dukemtmc_reid"),
    Task(
        name="duke2market",
        setting="uda",
        label="D2M",
        target="market1501",
        source="dukemtmc_reid",
    ),
    Task(
        name="market2duke",
        setting="uda",
        label="M2D",
        target="dukemtmc_reid",
        source="market1501",
    ),
)
ROWS = (
    Row(key="baseline", label="B", stop=Stage.WARMUP),
    Row(key="multi", label="Multi", set={"joint.augmentations": ["multi"]}),
    Row(key="rotation", label="R", set={"joint.augmentations": ["rotation"]}),
    Row(key="full", label="F", set={"joint.augmentations": ["rotation", "d_mixup"]}),
    Row(key="none", label="N", control=True, set={"joint.augmentations": ["none"]}),
)
STUDY = Study(study="t6", title="T", recipe="r", tasks=TASKS, rows=ROWS, report="t6")
PLAIN = Study(
    study="p",
    title="P",
    recipe="r",
    tasks=TASKS[:1],
    rows=(Row(key="row", label="R"),),
    report="t6",
)
RECIPE = Recipe(recipe="r", title="R", reference="", setting="usl", runs_here=True)
SPACES = {
    "multi": "image",
    "none": "image",
    "rotation": "structure",
    "mesh_switch": "structure",
    "d_mixup": "identity",
    "mixup": "image",
}


class World:
    """Stands in for the registry and the datasets."""

    def __init__(self) -> None:
        self.revisions: dict[tuple[str, str], int] = {}
        self.asked: list[tuple[str, Settings]] = []
        self.shares: dict[str, float] = {}

    def components(self, kind: str, name: str) -> int:
        return self.revisions.get((kind, name), 1)

    def share_of(self, fingerprint: str) -> float:
        """The held-out share that a fingerprint was asked for with."""
        return self.shares[fingerprint]

    def fingerprint(self, role: str, settings: Settings) -> str:
        self.asked.append((role, settings))
        data = settings.data.model_dump(mode="json")
        root = data.pop("root")  # where data lies does not matter, what it is does
        answer = digest([role, "real" if root else "world", data])
        self.shares[answer] = settings.data.validation_share
        return answer

    def space(self, name: str) -> str:
        if name not in SPACES:
            raise UnknownNameError("augmentations", name, SPACES)
        return SPACES[name]

    def plan(self, cells: list[Cell]) -> Plan:
        return build_plan(cells, self.components, self.fingerprint, self.space)


def make(overrides: dict[str, Any] | None = None, **values: Any) -> Plan:
    study = values.pop("study", STUDY)
    profile = values.pop("profile", None)
    return World().plan(build_cells(study, RECIPE, profile, overrides, **values))


def keys(plan: Plan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {stage.value: set() for stage in Stage}
    for node in plan.nodes:
        found[node.stage.value].add(node.key)
    return found


def changed(before: Plan, after: Plan) -> set[str]:
    """Stages of which some key is new."""
    old, new = keys(before), keys(after)
    return {stage for stage in old if new[stage] - old[stage]}


def test_cells_are_rows_times_tasks_times_seeds_in_that_order() -> None:
    cells = build_cells(STUDY, RECIPE, seeds=[1, 0], rows=["full", "multi"], tasks=["market1501"])
    names = [cell.name for cell in cells]
    assert names == [
        "t6/multi/market1501/1",
        "t6/multi/market1501/0",
        "t6/full/market1501/1",
        "t6/full/market1501/0",
    ]


def test_the_summary_counts_stages_asked_for_and_shared_nodes() -> None:
    summary = make().summary(lambda node: node.stage is Stage.WARMUP)
    assert summary == {
        "cells": 16,
        "controls": 4,
        "requested": {
            "pretrain": 20,
            "source": 10,
            "warmup": 20,
            "gan": 8,
            "joint": 16,
            "evaluate": 20,
        },
        "unique": {
            "pretrain": 1,
            "source": 2,
            "warmup": 4,
            "gan": 4,
            "joint": 16,
            "evaluate": 20,
        },
        "cached": {
            "pretrain": 0,
            "source": 0,
            "warmup": 4,
            "gan": 0,
            "joint": 0,
            "evaluate": 0,
        },
        "to_run": {
            "pretrain": 0,
            "source": 0,
            "warmup": 0,
            "gan": 4,
            "joint": 16,
            "evaluate": 20,
        },
    }


def test_seeds_share_nothing() -> None:
    one, two = make(seeds=[0]), make(seeds=[0, 1])
    assert two.unique == {stage: 2 * count for stage, count in one.unique.items()}


def test_nodes_stand_behind_their_parents_and_rows_end_early() -> None:
    plan = make()
    place = {node.key: index for index, node in enumerate(plan.nodes)}
    for node in plan.nodes:
        assert all(place[parent] < place[node.key] for parent in node.parents.values())
    last = {}
    for cell in plan.cells:
        last[cell.row.key] = place[plan.evaluate_key(cell)]
    assert sorted(last, key=lambda row: last[row]) == [row.key for row in ROWS]
    begin_of_multi = min(i for i, node in enumerate(plan.nodes) if "multi" in node.label)
    assert begin_of_multi > last["baseline"]


def test_a_chain_names_its_parents_by_stage() -> None:
    plan = make(rows=["full"], tasks=["duke2market"])
    nodes = {node.stage: node for node in plan.nodes}
    assert list(nodes) == list(Stage)
    assert nodes[Stage.PRETRAIN].parents == {}
    assert list(nodes[Stage.SOURCE].parents) == ["pretrain"]
    assert nodes[Stage.WARMUP].parents == {"source": nodes[Stage.SOURCE].key}
    assert nodes[Stage.GAN].parents == {"warmup": nodes[Stage.WARMUP].key}
    assert nodes[Stage.JOINT].parents == {
        "warmup": nodes[Stage.WARMUP].key,
        "gan": nodes[Stage.GAN].key,
    }
    assert nodes[Stage.EVALUATE].parents == {"joint": nodes[Stage.JOINT].key}
    assert nodes[Stage.SOURCE].roles == {"source": "dukemtmc_reid"}
    assert nodes[Stage.WARMUP].roles == {"target": "market1501", "source": "dukemtmc_reid"}
    assert nodes[Stage.JOINT].roles == {"target": "market1501"}


def test_without_generation_there_is_no_gan_and_its_settings_do_not_matter() -> None:
    before = make(rows=["multi"])
    after = make({"gan.lr": 0.5, "network.generator.decoder_width": 8}, rows=["multi"])
    assert before.unique["gan"] == 0
    assert keys(before) == keys(after)


def test_mixing_images_needs_no_generator_but_an_unknown_name_is_reported() -> None:
    row = Row(key="x", label="X", set={"joint.augmentations": ["rotation", "d_mixpu"]})
    with pytest.raises(UnknownNameError, match="Did you mean 'd_mixup'"):
        make(study=STUDY.model_copy(update={"rows": (row,)}))


@pytest.mark.parametrize(
    "key, value, stages",
    [
        ("pretrain.epochs", 3, {"pretrain", "source", "warmup", "gan", "joint", "evaluate"}),
        (
            "network.id_encoder.width",
            8,
            {"pretrain", "source", "warmup", "gan", "joint", "evaluate"},
        ),
        ("data.height_px", 32, {"pretrain", "source", "warmup", "gan", "joint", "evaluate"}),
        ("source.epochs", 3, {"source", "warmup", "gan", "joint", "evaluate"}),
        ("warmup.epochs", 3, {"warmup", "gan", "joint", "evaluate"}),
        ("gan.epochs", 3, {"gan", "joint", "evaluate"}),
        ("network.generator.decoder_width", 8, {"gan", "joint", "evaluate"}),
        ("network.discriminator.width", 8, {"gan", "joint", "evaluate"}),
        ("data.mesh.noise_deg", 9.0, {"gan", "joint", "evaluate"}),
        ("data.mesh.source", "params", {"gan", "joint", "evaluate"}),
        ("joint.temperature", 0.1, {"joint", "evaluate"}),
        ("joint.pseudo_labels.eps", 0.4, {"joint", "evaluate"}),
        ("evaluate.average_precision", "trapezoid", {"evaluate"}),
        ("data.mesh.root", "/elsewhere", {"gan", "joint", "evaluate"}),
    ],
)
def test_a_setting_changes_the_stage_that_reads_it_and_those_behind(
    key: str, value: object, stages: set[str]
) -> None:
    before, after = make(rows=["full"]), make({key: value}, rows=["full"])
    assert changed(before, after) == stages


def test_mesh_settings_do_not_touch_rows_without_a_generator() -> None:
    rows = ["baseline", "multi"]
    after = make({"data.mesh.noise_deg": 9.0, "data.mesh.renderer": "pyrender"}, rows=rows)
    assert keys(make(rows=rows)) == keys(after)


def test_images_only_fingerprints_never_ask_the_machine_for_its_renderer() -> None:
    world = World()
    world.plan(build_cells(STUDY, RECIPE, rows=["full"], tasks=["market1501"]))
    renderers = Counter(settings.data.mesh.renderer for _, settings in world.asked)
    # Images for pre-training and target; meshes once, for the two generative stages.
    assert renderers == {"raster": 2, "auto": 1}


def test_where_data_lies_does_not_enter_the_key_but_reaches_the_stage() -> None:
    rows = ["full"]
    first = make({"data.root": "/one"}, rows=rows)
    second = make({"data.root": "/two"}, rows=rows)
    assert keys(first) == keys(second)
    assert second.nodes[-1].resolved().data.root == "/two"


@pytest.mark.parametrize(
    "kind, name, stages",
    [
        ("warmups", "jvtc", {"warmup", "gan", "joint", "evaluate"}),
        ("augmentations", "d_mixup", {"gan", "joint", "evaluate"}),
        (
            "augmentations",
            "multi",
            {"pretrain", "source", "warmup", "gan", "joint", "evaluate"},
        ),
        ("losses", "l_vi", {"joint", "evaluate"}),
        ("networks", "generator", {"gan", "joint", "evaluate"}),
        ("stages", "gan", {"gan", "joint", "evaluate"}),
        ("stages", "evaluate", {"evaluate"}),
        ("augmentations", "mixup", set()),
    ],
)
def test_a_revision_changes_the_stages_that_use_the_component(
    kind: str, name: str, stages: set[str]
) -> None:
    cells = build_cells(STUDY, RECIPE, rows=["full"])
    world = World()
    before = world.plan(cells)
    world.revisions[(kind, name)] = 2
    assert changed(before, world.plan(cells)) == stages


def test_the_number_of_angles_changes_every_joint_node_also_those_without_a_generator() -> None:
    assert changed(make(rows=["multi"]), make({"gan.angles": 6}, rows=["multi"])) == {
        "joint",
        "evaluate",
    }


def test_a_shared_cell_of_two_studies_is_trained_once() -> None:
    other = STUDY.model_copy(update={"study": "t7", "rows": (ROWS[3],)})
    world = World()
    both = world.plan([*build_cells(STUDY, RECIPE), *build_cells(other, RECIPE)])
    assert both.unique == make().unique
    assert both.summary(lambda node: False)["cells"] == 20


def test_equal_nodes_come_from_different_ways_of_writing_a_number() -> None:
    whole = make({"joint.temperature": 1}, rows=["full"])
    assert keys(whole) == keys(make({"joint.temperature": 1.0}, rows=["full"]))


def test_a_stage_sees_what_it_reads_and_defaults_elsewhere() -> None:
    plan = make({"gan.lr": 0.5, "joint.epochs": 7, "pretrain.epochs": 9}, rows=["full"])
    nodes = {node.stage: node for node in plan.nodes}
    gan = nodes[Stage.GAN].resolved()
    assert gan.gan.lr == 0.5
    assert gan.joint.epochs == Settings().joint.epochs
    joint = nodes[Stage.JOINT].resolved()
    assert (joint.gan.lr, joint.joint.epochs) == (0.5, 7)
    assert nodes[Stage.PRETRAIN].resolved().pretrain.epochs == 9
    assert nodes[Stage.EVALUATE].resolved().data == joint.data


def test_a_random_start_depends_on_no_data_and_no_training_settings() -> None:
    row = (Row(key="random", label="R", stop=Stage.PRETRAIN, set={"pretrain.kind": "random"}),)
    study = STUDY.model_copy(update={"rows": row})
    before, after = make(study=study), make({"pretrain.epochs": 99}, study=study)
    assert keys(before) == keys(after)
    assert before.nodes[0].fingerprints == {}
    assert before.unique == {
        "pretrain": 1,
        "source": 0,
        "warmup": 0,
        "gan": 0,
        "joint": 0,
        "evaluate": 2,
    }


def test_pretrained_weights_count_by_their_bytes(tmp_path: Path) -> None:
    values = {"pretrain.kind": "imagenet"}
    plans = []
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
        plans.append(make({**values, "pretrain.weights": str(tmp_path / name)}, rows=["full"]))
    assert keys(plans[0]) == keys(plans[1])
    assert "pretrain" in changed(plans[0], plans[2])
    assert plans[1].nodes[0].resolved().pretrain.weights == str(tmp_path / "b")
    with pytest.raises(DataMissingError, match="nowhere"):
        make({**values, "pretrain.weights": "/nowhere.pth"}, rows=["full"])


def test_supervised_rows_of_a_usl_task_share_sources_with_uda() -> None:
    upper = Row(
        key="upper",
        label="U",
        stop=Stage.SOURCE,
        source={"market1501": "market1501", "dukemtmc_reid": "dukemtmc_reid"},
    )
    study = STUDY.model_copy(update={"rows": (*ROWS, upper)})
    plan = make(study=study)
    assert plan.unique["source"] == 2
    cell = next(cell for cell in plan.cells if cell.row.key == "upper")
    stages = [plan.node(key).stage.value for key in plan.chain(cell)]
    assert stages == ["pretrain", "source", "evaluate"]


def test_needed_leaves_out_what_only_led_to_finished_nodes() -> None:
    plan = make(rows=["full"], tasks=["market1501"])
    stages = [node.stage.value for node in plan.needed(lambda node: False)]
    assert stages == ["pretrain", "warmup", "gan", "joint", "evaluate"]
    done = {Stage.EVALUATE}
    assert [n.stage for n in plan.needed(lambda node: node.stage in done)] == [Stage.EVALUATE]
    done = {Stage.JOINT}
    left = [node.stage for node in plan.needed(lambda node: node.stage in done)]
    assert left == [Stage.JOINT, Stage.EVALUATE]
    summary = plan.summary(lambda node: node.stage in done)
    assert summary["to_run"] == {**dict.fromkeys(summary["to_run"], 0), "evaluate": 1}


def test_plan_and_run_count_what_is_cached_alike() -> None:
    plan = make(rows=["full"], tasks=["market1501"])
    there = {Stage.PRETRAIN, Stage.JOINT, Stage.EVALUATE}
    needed = plan.needed(lambda node: node.stage in there)
    assert [node.stage for node in needed] == [Stage.PRETRAIN, Stage.JOINT, Stage.EVALUATE]
    assert sum(plan.summary(lambda node: node.stage in there)["cached"].values()) == len(needed)


def test_control_rows_need_the_world() -> None:
    cells = build_cells(STUDY, RECIPE, overrides={"data.root": "/real"})
    assert not any(cell.control for cell in cells)
    with pytest.raises(UsageError, match="control"):
        build_cells(STUDY, RECIPE, overrides={"data.root": "/real"}, rows=["none"])


@pytest.mark.parametrize("stop", [Stage.GAN, Stage.EVALUATE])
def test_a_row_stops_only_where_something_can_be_evaluated(stop: Stage) -> None:
    study = STUDY.model_copy(update={"rows": (Row(key="x", label="X", stop=stop),)})
    with pytest.raises(UsageError, match="nothing can be evaluated"):
        build_cells(study, RECIPE)


def test_a_row_that_stops_at_its_source_must_name_one() -> None:
    study = STUDY.model_copy(update={"rows": (Row(key="x", label="X", stop=Stage.SOURCE),)})
    with pytest.raises(UsageError, match="names no source for 'market1501'"):
        build_cells(study, RECIPE)


def test_unknown_rows_tasks_and_seeds_are_usage_errors() -> None:
    with pytest.raises(UnknownNameError, match="unknown row 'ful'"):
        build_cells(STUDY, RECIPE, rows=["ful"])
    with pytest.raises(UnknownNameError, match="unknown task 'market'"):
        build_cells(STUDY, RECIPE, tasks=["market"])
    with pytest.raises(UsageError, match="out of range"):
        build_cells(STUDY, RECIPE, seeds=[2**32])


def test_a_recipe_known_by_its_numbers_only_does_not_run() -> None:
    with pytest.raises(UsageError, match="published numbers only"):
        build_cells(STUDY, RECIPE.model_copy(update={"runs_here": False}))


def test_sizes_of_a_profile_reach_the_nodes() -> None:
    profile = Profile(profile="p", title="P", set={"data.height_px": 64, "data.width_px": 32})
    plan = make(profile=profile, rows=["baseline"])
    assert {node.resolved().data.height_px for node in plan.nodes} == {64}


def test_stage_2_learns_the_structure_that_stage_3_asks_for() -> None:
    views = {}
    for view in ("rotation", "mesh_switch"):
        plan = make({"joint.augmentations": [view, "d_mixup"]}, study=PLAIN, rows=["row"])
        (gan,) = [node for node in plan.nodes if node.stage is Stage.GAN]
        views[view] = gan.settings["gan"]["view"]
        assert f"augmentations/{view}" in gan.components
    assert views == {"rotation": "rotation", "mesh_switch": "mesh_switch"}


def test_a_held_out_share_changes_what_is_trained_on_but_not_the_test_set() -> None:
    asked = World()
    cells = build_cells(PLAIN, RECIPE, None, {"data.validation_share": 0.25}, rows=["row"])
    plan = asked.plan(cells)
    shares = {
        (node.stage, name): share
        for node in plan.nodes
        for name in node.fingerprints
        for share in [asked.share_of(node.fingerprints[name])]
    }
    assert shares[Stage.WARMUP, "target"] == shares[Stage.JOINT, "target"] == 0.25
    assert shares[Stage.EVALUATE, "target"] == 0.0
    again = build_cells(
        PLAIN,
        RECIPE,
        None,
        {"data.validation_share": 0.25, "evaluate.split": "validation"},
        rows=["row"],
    )
    evaluation = asked.plan(again).nodes[-1]
    assert asked.share_of(evaluation.fingerprints["target"]) == 0.25
    assert [n.key for n in asked.plan(again).nodes[:-1]] == [n.key for n in plan.nodes[:-1]]


def test_the_shipped_table_6_has_28_cells_and_shares_warm_ups() -> None:
    content = Content(environment={})
    study = content.study("table6")
    cells = build_cells(study, content.recipe(study.recipe), content.profile("smoke"), seeds=[0])
    spaces = {"rotation": "structure", "d_mixup": "identity"}
    world = World()
    plan = build_plan(
        cells, world.components, world.fingerprint, lambda name: spaces.get(name, "image")
    )
    summary = plan.summary(lambda node: False)
    assert (summary["cells"], summary["controls"]) == (28, 8)
    assert summary["unique"]["warmup"] == 4
    assert summary["unique"]["gan"] == 4


def test_the_record_of_a_node_says_which_revisions_were_at_work() -> None:
    world = World()
    world.revisions["augmentations", "rotation"] = 4
    plan = world.plan(build_cells(STUDY, RECIPE, rows=["rotation"], tasks=["market1501"]))
    node = next(node for node in plan.nodes if node.stage is Stage.JOINT)
    assert node.record().components == node.components
    assert node.record().components["augmentations/rotation"] == 4


def test_cameras_and_times_enter_the_key_of_the_rows_that_rank_by_them_alone() -> None:
    plain = make(rows=["baseline"])
    aside = make({"evaluate.camera_time_model.frame_bin": 7}, rows=["baseline"])
    assert keys(plain) == keys(aside)
    node = plain.nodes[-1]
    assert sorted(node.settings["evaluate"]) == ["average_precision", "batch_size", "split"]
    timed = make({"evaluate.camera_time": True}, rows=["baseline"])
    assert changed(plain, timed) == {"evaluate"}
    other = {"evaluate.camera_time": True, "evaluate.camera_time_model.frame_bin": 7}
    assert changed(timed, make(other, rows=["baseline"])) == {"evaluate"}
    assert timed.nodes[-1].resolved().evaluate.camera_time
