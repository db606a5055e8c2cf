"""The arithmetic of an estimate on made-up records, and that it is told truly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gclbench.content import Content
from gclbench.plan import Node
from gclbench.schema import Stage
from gclbench.study.cost import DATA, Cost, StageCost, wall_seconds
from gclbench.study.opened import OpenStudy, open_study
from gclbench.study.question import Question

ROWS = ("baseline", "multi", "rotation")
TABLE = """stage,method,target,avx512,avx2,neon,megabytes
pretrain,,,3600,3600,3600,0
warmup,,,1800,1800,1800,100
gan,,,7200,7200,7200,200
joint,multi,,900,900,900,300
joint,rotation,,2700,2700,2700,400
evaluate,,,36,36,36,0
"""

Open = Callable[..., OpenStudy]


@pytest.fixture
def open_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open table6 of the profile smoke, with one worker and AVX2, over a table of its own."""
    monkeypatch.setattr("gclbench.study.opened.instruction_set", lambda: "avx2")
    monkeypatch.setattr("gclbench.study.cost.os.cpu_count", lambda: 8)
    real = Content.path

    def path(content: Content, kind: str, name: str) -> Path:
        return tmp_path / "smoke.csv" if kind == "seconds" else real(content, kind, name)

    monkeypatch.setattr(Content, "path", path)
    (tmp_path / "smoke.csv").write_text(TABLE, encoding="utf-8")

    def make(**fields: Any) -> OpenStudy:
        words: dict[str, Any] = {"rows": ROWS, "tasks": ("market1501",), "executor": "inline"}
        return open_study(
            Question(("table6",), tmp_path / "home", **{"profile": "smoke", **words, **fields})
        )

    return make


def record(opened: OpenStudy, node: Node, **values: Any) -> None:
    """Leave a finished run of a node with no file but its manifest."""
    with opened.artifacts.workspace(node) as workspace:
        made = node.record(**{"images": None, "cpu_seconds": None, **values})
        workspace.commit(made.model_copy(update={"device": "cpu", "instruction_set": "avx2"}))


def of_stage(opened: OpenStudy, stage: str) -> Node:
    return next(node for node in opened.plan.nodes if node.stage == stage)


def seconds_of(cost: Cost, stage: str) -> float:
    return round(cost.stages[stage].hours * 3600, 3)


def test_without_records_the_table_tells_all(open_one: Open) -> None:
    cost = open_one().cost()
    # pretrain + warmup + gan + two joint + three evaluations
    assert cost.hours == pytest.approx((3600 + 1800 + 7200 + 900 + 2700 + 3 * 36) / 3600)
    assert cost.wall_hours == pytest.approx(cost.hours)
    assert cost.disk_gb == pytest.approx(1.0, abs=0.02)
    assert (cost.recorded, cost.unknown, cost.table) == (0, 0, "smoke avx2")
    assert cost.stages["joint"] == StageCost(2, pytest.approx(1.0), 0, 2, 0)
    assert cost.text == (
        "about 4.5 CPU hours on this kind of CPU (AVX2), 4.5 h with 1 worker, 1.0 GB; from the "
        "table of profile smoke (AVX2)"
    )


def test_epochs_and_images_of_the_table_are_the_profile_s_own(open_one: Open) -> None:
    cost = open_one(
        overrides={"joint.epochs": 6, "data.world.people_train": 32, "warmup.epochs": 9}
    ).cost()
    assert seconds_of(cost, "joint") == 3 * 2 * (900 + 2700)
    assert seconds_of(cost, "gan") == 2 * 7200
    assert seconds_of(cost, "warmup") == 3 * 2 * 1800
    assert seconds_of(cost, "evaluate") == 3 * 36
    assert seconds_of(cost, "pretrain") == 3600


def test_other_networks_are_not_guessed_from_the_table(open_one: Open) -> None:
    wide = open_one(overrides={"network.id_encoder.width": 16}).cost()
    assert (wide.unknown, wide.runs, wide.hours) == (8, 8, 0.0)
    assert wide.text == (
        "cost not known: 8 stage runs have no like one recorded here and no figures in profile "
        "smoke"
    )


def test_like_runs_come_before_the_table(open_one: Open) -> None:
    old = open_one(seeds=(1, 2, 3))
    for node, cpu in zip(old.plan.nodes, range(1000), strict=False):
        if node.stage is Stage.WARMUP:
            record(old, node, seconds=999.0, cpu_seconds=400.0 + cpu)
        if node.stage is Stage.GAN:
            record(old, node, seconds=500.0, images=48)
    warmups = [n for n in old.plan.nodes if n.stage is Stage.WARMUP]
    taken = sorted(old.artifacts.read(node).cpu_seconds or 0 for node in warmups)
    new = open_one(seeds=(4,)).cost()
    assert seconds_of(new, "warmup") == taken[1]
    assert seconds_of(new, "gan") == 1000.0  # twice as many images, 96
    assert new.stages["warmup"].from_records == new.stages["gan"].from_records == 1
    assert (new.recorded, new.stages["joint"].from_table) == (6, 2)
    assert "from 6 like stage runs recorded here and, for 6 of 8, the table of" in new.text


def test_what_is_finished_costs_nothing(open_one: Open) -> None:
    opened = open_one(rows=("baseline",))
    before = opened.cost()
    record(opened, of_stage(opened, "pretrain"), seconds=1.0)
    assert before.hours - opened.cost().hours == pytest.approx(1.0)
    for node in opened.plan.nodes:
        if not opened.artifacts.has(node):
            record(opened, node, seconds=1.0)
    assert (opened.cost().runs, opened.cost().text) == (0, "nothing to run")


def test_a_profile_without_a_table_does_not_invent(open_one: Open, tmp_path: Path) -> None:
    cost = open_one(profile="paper").cost()
    assert cost.table == ""
    assert cost.text.startswith("cost not known: 8 stage runs have no like one recorded here")


def test_a_kind_of_cpu_without_figures_is_told(
    open_one: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gclbench.study.opened.instruction_set", lambda: "sve")
    text = open_one().cost().text
    assert "on this kind of CPU (sve)" in text
    assert "the table of profile smoke (AVX-512; it has none of this kind of CPU)" in text


def test_on_a_gpu_the_table_of_cpus_is_not_asked(
    open_one: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = open_one(device="cuda").cost()
    assert (cost.gpu, cost.table, cost.unknown) == (True, "", 8)


def test_pictures_that_are_not_there_yet_are_drawn_once(open_one: Open, tmp_path: Path) -> None:
    text = TABLE + "data,images,,0,1000,0,0\ndata,projections,,0,2000,0,0\n"
    (tmp_path / "smoke.csv").write_text(text, encoding="utf-8")
    opened = open_one()
    # 16 * 6 training images, 12 * 6 + 3 * 5 of the test, 24 * 4 for pre-training
    assert seconds_of(opened.cost(), DATA) == (96 + 87 + 96) * 1.0 + 96 * 2.0
    from gclbench.datasets.load import load_dataset

    dataset = load_dataset(
        "market1501", opened.cells[0].settings.data, tmp_path / "home" / "cache"
    )
    for split in ("train", "query", "gallery"):
        dataset.images(split)
    assert seconds_of(opened.cost(), DATA) == 96 * 1.0 + 96 * 2.0


def test_the_object_of_plan_json_is_plain_data(open_one: Open) -> None:
    summary = json.loads(json.dumps(open_one().summary()))["cost"]
    names = ("device", "cpu_kind", "workers", "hours", "wall_hours", "disk_gb", "free_gb")
    assert tuple(summary)[:7] == names
    assert summary["stages"]["gan"]["runs"] == 1
    assert summary["text"].startswith("about 4.5 CPU hours")


# -- hours of the clock, words ------------------------------------------------------------------


def node(key: str, *parents: str) -> Node:
    return Node(Stage.JOINT, key, 0, key, {}, parents=dict(enumerate(parents)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("workers", "expected"), [(1, 12.0), (2, 6.0), (9, 6.0)])
def test_workers_wait_for_parents(workers: int, expected: float) -> None:
    nodes = [node("a"), node("b", "a"), node("c", "a"), node("d", "b"), node("e", "other")]
    seconds = {"a": 1.0, "b": 4.0, "c": 3.0, "d": 1.0, "e": 3.0}
    assert wall_seconds(nodes, seconds, workers) == expected


def test_a_free_worker_takes_the_first_that_is_ready() -> None:
    nodes = [node("a"), node("b", "a"), node("c"), node("d"), node("e", "b")]
    seconds = {"a": 2.0, "b": 1.0, "c": 3.0, "d": 1.0, "e": 2.0}
    # a 0-2 and c 0-3, then b 2-3, d 3-4 and e 3-5
    assert wall_seconds(nodes, seconds, 2) == 5.0


def test_nothing_takes_no_time() -> None:
    assert wall_seconds([], {}, 2) == 0.0
    assert wall_seconds([node("a"), node("b", "a")], {"a": 0.0, "b": 0.0}, 2) == 0.0


def cost(**values: Any) -> Cost:
    given = {
        "gpu": False,
        "cpu_kind": "avx512",
        "workers": 2,
        "profile": "laptop",
        "hours": 1.2,
        "wall_hours": 38 / 60,
        "disk_gb": 0.4,
        "free_gb": 10.0,
        "recorded": 61,
        "table": "laptop avx512",
        "stages": {"joint": StageCost(3, 1.2, 3, 0, 0)},
    }
    return Cost(**{**given, **values})


def test_the_line_says_what_it_rests_on() -> None:
    assert cost().text == (
        "about 1.2 CPU hours on this kind of CPU (AVX-512), 38 min with 2 workers, 0.4 GB; from "
        "61 like stage runs recorded here"
    )
    some = cost(stages={"joint": StageCost(5, 1.2, 3, 0, 2)}, recorded=1)
    assert some.text.endswith(
        "from 1 like stage run recorded here; not counted: 2 stage runs have no like one recorded "
        "here and no figures in profile laptop"
    )
    gpu = cost(gpu=True, hours=0.01, wall_hours=0.0025, workers=1)
    assert gpu.text.startswith("about 36 GPU seconds, 9 s with 1 worker")


def test_a_disk_that_looks_too_small_is_a_warning() -> None:
    assert cost().warning == ""
    assert cost(free_gb=0.1).warning == (
        "about 0.4 GB are needed and 0.1 GB are free where the results go. Free some space, or "
        "name another place: home=DIR."
    )
