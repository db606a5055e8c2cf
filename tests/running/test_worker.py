"""One node, from its parents to its artifact: what the stage sees, what is stored, retries."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sqlalchemy import event, select

from gclbench.datasets import load
from gclbench.errors import DeviceMissingError, TrainingError, UsageError
from gclbench.executors.events import (
    Found,
    NodeFailed,
    NodeMetric,
    NodeProgress,
    NodeStopped,
    Outcome,
)
from gclbench.executors.inline import InlineExecutor
from gclbench.plan import Node
from gclbench.plan.node import node_key
from gclbench.running.run import run_config
from gclbench.running.worker import (
    RunConfig,
    choose_device,
    device_name,
    load_datasets,
    parent_folders,
    run_node,
)
from gclbench.schema import Conditions, Settings, Stage
from gclbench.schema.record import IDLE_FILE, Idle
from gclbench.study.opened import OpenStudy
from gclbench.tracking.engines import open_engine
from gclbench.tracking.environment import git_state
from gclbench.tracking.machine import cpu_model, instruction_set
from gclbench.tracking.store import RunStore
from gclbench.tracking.tables import METRICS, RUNS

Put = Callable[[str, Any], None]


def node_of(opened: OpenStudy, stage: str) -> Node:
    return next(node for node in opened.plan.nodes if node.stage == stage)


def run(opened: OpenStudy, node: Node, sink: Any = lambda event: None) -> Any:
    return run_node(run_config(opened), node, sink)


def stored(opened: OpenStudy, *columns: Any) -> list[tuple[Any, ...]]:
    with RunStore(opened.store_url).transaction() as connection:
        return [tuple(row) for row in connection.execute(select(*columns))]


def test_a_node_becomes_an_artifact_and_a_stored_run(small: OpenStudy) -> None:
    node = node_of(small, "pretrain")
    record = run(small, node)
    assert sorted(record.files) == ["encoder.pt"]
    assert record.settings == node.settings
    assert record.versions["torch"] == torch.__version__
    assert small.artifacts.has(node)
    assert small.artifacts.damaged(node) == []
    assert small.artifacts.read(node) == record
    rows = stored(small, RUNS.c.node_key, RUNS.c.stage, RUNS.c.status, RUNS.c.seed)
    assert rows == [(node.key, "pretrain", "COMPLETED", 0)]


def test_a_manifest_says_on_what_the_node_ran(small: OpenStudy, stage: Put) -> None:
    stage("pretrain", lambda context: {})
    node = node_of(small, "pretrain")
    record = run(small, node)
    assert (record.cpu_model, record.instruction_set) == (cpu_model(), instruction_set())
    device = device_name("auto")
    assert (record.threads, record.device, record.host) == (1, device, platform.node())
    assert (record.engine, record.attempt, record.git) == (small.engine, 1, git_state())
    assert record.peak_memory_mb is not None
    assert record.seconds > 0
    assert record.cpu_seconds is not None
    assert 0 <= record.cpu_seconds < record.seconds + 1
    assert record.images == 0  # this pre-training reads none
    row = stored(small, RUNS.c.cpu_model, RUNS.c.threads, RUNS.c.device, RUNS.c.engine)
    assert row == [(record.cpu_model, 1, device, small.engine)]
    key = node_key(
        node.stage, node.seed, node.settings, node.parents, node.fingerprints, node.components
    )
    assert key == node.key


def test_seconds_are_of_the_clock_and_cpu_seconds_of_work(small: OpenStudy, stage: Put) -> None:
    def sleeps(context: Any) -> dict[str, float]:
        time.sleep(0.3)
        return {}

    stage("pretrain", sleeps)
    record = run(small, node_of(small, "pretrain"))
    assert record.seconds >= 0.3
    assert record.cpu_seconds is not None
    assert record.cpu_seconds < record.seconds - 0.1


def test_a_manifest_of_before_says_less_and_reads(small: OpenStudy, stage: Put) -> None:
    stage("pretrain", lambda context: {})
    node = node_of(small, "pretrain")
    run(small, node)
    path = small.artifacts.path(node) / "manifest.json"
    kept = json.loads(path.read_text())
    later = ("peak_memory_mb", "cpu_seconds", "images", "manifest_sha256")
    for name in (*Conditions.model_fields, *later):
        del kept[name]
    path.write_text(json.dumps({**kept, "of_a_newer_program": 1}))
    record = small.artifacts.read(node)
    assert (record.cpu_model, record.threads, record.attempt, record.packages) == (
        "", None, None, {},
    )  # fmt: skip


def test_nodes_leave_no_connection_behind(open_one: Any, stage: Put) -> None:
    stage("pretrain", lambda context: {})
    opened = open_one(rows=("baseline",), tasks=("market1501",), seeds=(0, 1, 2))
    made: list[Any] = []
    engine = open_engine(opened.store_url)
    event.listen(engine, "connect", lambda connection, record: made.append(connection))
    nodes = [node for node in opened.plan.nodes if node.stage == "pretrain"]
    for node in nodes:
        run(opened, node)
        assert engine.pool.checkedin() == 0
    assert len(made) == len(nodes) > 0
    assert open_engine(opened.store_url) is engine


def test_the_same_node_twice_gives_the_same_bytes(small: OpenStudy, open_one: Any) -> None:
    node = node_of(small, "pretrain")
    first = run(small, node)
    home = small.question.home.with_name("another")
    second = run_node(RunConfig(home, f"sqlite:///{home / 'store.db'}"), node, lambda event: None)
    assert first.files == second.files


def test_a_finished_node_is_not_run_again(small: OpenStudy, stage: Put) -> None:
    node = node_of(small, "pretrain")
    record = run(small, node)
    stage("pretrain", lambda context: 1 / 0)
    assert run(small, node) == Found(record)
    assert len(stored(small, RUNS.c.id)) == 1


def test_the_stage_sees_its_nodes_settings_seed_and_parents(small: OpenStudy, stage: Put) -> None:
    seen: dict[str, Any] = {}

    def look(context: Any) -> dict[str, float]:
        seen.update(vars(context))
        (context.folder / "result.txt").write_text("done")
        return {"answer": 42.0}

    stage("pretrain", look)
    node = node_of(small, "pretrain")
    record = run(small, node)
    assert record.metrics == {"answer": 42.0}
    assert (seen["stage"], seen["seed"], seen["parents"]) == ("pretrain", 0, {})
    assert seen["settings"].pretrain.kind == "random"
    assert seen["settings"].joint == Settings().joint  # not read, not in the key, so the default
    assert seen["folder"].name == f"{node.key}.partial"
    assert (small.artifacts.path(node) / "result.txt").read_text() == "done"


def test_progress_counts_epochs_from_one(small: OpenStudy, stage: Put) -> None:
    def report(context: Any) -> dict[str, float]:
        context.progress(0, 3, 1, 12, {"loss": 0.5})
        return {}

    stage("pretrain", report)
    events: list[Any] = []
    node = node_of(small, "pretrain")
    run(small, node, events.append)
    assert events == [NodeProgress(node.key, 1, 3, 1, 12, {"loss": 0.5})]


def test_logged_metrics_reach_the_store_and_the_sink(small: OpenStudy, stage: Put) -> None:
    def log(context: Any) -> dict[str, float]:
        for epoch in (1, 2):
            context.log("loss", 1.0 / epoch, epoch)
        return {}

    stage("pretrain", log)
    events: list[Any] = []
    node = node_of(small, "pretrain")
    run(small, node, events.append)
    assert events == [NodeMetric(node.key, "loss", 1.0 / epoch, epoch) for epoch in (1, 2)]
    rows = stored(small, METRICS.c.name, METRICS.c.step, METRICS.c.value)
    assert rows == [("loss", 1, 1.0), ("loss", 2, 0.5)]


@pytest.mark.parametrize(
    "error,status",
    [
        (TrainingError("not finite."), "FAILED"),
        (KeyboardInterrupt(), "INTERRUPTED"),
        (NodeStopped(), "INTERRUPTED"),
    ],
)
def test_a_retry_finds_the_checkpoints_of_the_try_before(
    small: OpenStudy, stage: Put, error: BaseException, status: str
) -> None:
    found: list[Any] = []

    def first(context: Any) -> dict[str, float]:
        context.checkpoints.save(1, {"w": torch.ones(2)})
        raise error

    def second(context: Any) -> dict[str, float]:
        found.append(context.checkpoints.latest())
        return {}

    node = node_of(small, "pretrain")
    stage("pretrain", first)
    with pytest.raises(type(error)):
        run(small, node)
    assert not small.artifacts.has(node)
    stage("pretrain", second)
    run(small, node)
    assert found[0][0] == 1
    assert not (small.artifacts.path(node) / "checkpoints").exists()
    assert [row[0] for row in stored(small, RUNS.c.status)] == [status, "COMPLETED"]
    assert stored(small, RUNS.c.attempt) == [(1,), (2,)]
    assert small.artifacts.read(node).attempt == 2


def test_numbers_that_cannot_be_make_the_node_fail_and_the_same_run_tries_again(
    small: OpenStudy, stage: Put, monkeypatch: pytest.MonkeyPatch, commit: Any
) -> None:
    node = node_of(small, "evaluate")
    commit(small, node_of(small, "warmup"), {})
    seen: list[Any] = []
    stage("evaluate", lambda context: {"mAP": 112.3, "R1": 60.0})
    monkeypatch.setattr("gclbench.running.worker.load_datasets", lambda config, node: {})
    outcomes = InlineExecutor().execute(
        [node], small.artifacts.has, partial(run_node, run_config(small)), seen.append
    )
    assert outcomes == {node.key: Outcome.FAILED}
    (failure,) = [event for event in seen if isinstance(event, NodeFailed)]
    assert failure.kind == "ImpossibleResultError"
    assert failure.error.startswith("a result that cannot be: mAP is 112.3")
    assert not small.artifacts.has(node)
    stage("evaluate", lambda context: {"mAP": 12.3, "R1": 60.0})
    run(small, node)
    assert small.artifacts.has(node)
    assert stored(small, RUNS.c.status) == [("FAILED",), ("COMPLETED",)]


def test_parents_are_found_by_stage_and_key(small: OpenStudy) -> None:
    warmup = node_of(small, "warmup")
    key = node_of(small, "pretrain").key
    folders = parent_folders(Path("home"), warmup)
    assert folders == {"pretrain": Path("home") / "artifacts" / "pretrain" / key}


def test_pretraining_reads_the_rendered_set_or_nothing(
    small: OpenStudy, open_one: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        load, "load_pretrain_set", lambda data, people, each, cache: asked.append((people, each))
    )
    assert load_datasets(run_config(small), node_of(small, "pretrain")) == {}
    assert asked == []
    rendered = open_one(overrides={"pretrain.people": 30, "pretrain.images_per_person": 5})
    load_datasets(run_config(rendered), node_of(rendered, "pretrain"))
    assert asked == [(30, 5)]


@pytest.mark.parametrize(
    "stage_name,expected",
    [
        ("source", {"source": "dukemtmc_reid"}),
        ("warmup", {"target": "market1501", "source": "dukemtmc_reid"}),
        ("gan", {"target": "market1501"}),
        ("joint", {"target": "market1501"}),
        ("evaluate", {"target": "market1501"}),
    ],
)
def test_a_stage_is_given_the_datasets_of_its_task(
    open_one: Any, monkeypatch: pytest.MonkeyPatch, stage_name: str, expected: dict[str, str]
) -> None:
    monkeypatch.setattr(load, "load_dataset", lambda role, data, cache: role)
    opened = open_one(rows=("rotation",), tasks=("duke2market",))
    assert load_datasets(run_config(opened), node_of(opened, stage_name)) == expected


def test_the_device_is_a_gpu_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, kind in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        monkeypatch.setattr(torch.cuda, "device_count", lambda there=there: int(there))
        assert choose_device("auto").type == kind
    assert choose_device("cpu").type == "cpu"


def test_a_record_names_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
    assert [device_name(name) for name in ("cuda:1", "cpu", "nothing")] == ["GPU 1", "cpu", ""]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("cuda", DeviceMissingError), ("gpu", UsageError), ("tpu:9", UsageError)],
)
def test_a_device_that_is_not_there_is_told_from_a_word_that_names_none(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: type[Exception]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(kind, match=f"device={name}"):
        choose_device(name)


def test_the_threads_of_the_profile_are_set(
    small: OpenStudy, stage: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    stage("pretrain", lambda context: {})
    run(small, node_of(small, "pretrain"))
    assert asked == [small.profile.threads]


def test_a_node_of_another_stage_is_looked_up_by_its_name(small: OpenStudy, stage: Put) -> None:
    run(small, node_of(small, "pretrain"))
    warmup = node_of(small, "warmup")
    seen: list[Any] = []
    stage("warmup", lambda context: seen.append(sorted(context.parents)) or {})
    fake = SimpleNamespace(label="fake")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "load_dataset", lambda role, data, cache: fake)
        run(small, warmup)
    assert seen == [["pretrain"]]
    assert small.artifacts.read(warmup).stage == Stage.WARMUP.value


def test_a_record_names_its_idle_stages_and_those_before_it(small: OpenStudy, stage: Put) -> None:
    why = Idle(stage="pretrain", epochs=2, without_step=2, why="nothing to see")

    def idle(context: Any) -> dict[str, float]:
        (context.folder / IDLE_FILE).write_text(why.model_dump_json())
        return {}

    stage("pretrain", idle)
    stage("warmup", lambda context: {})
    assert run(small, node_of(small, "pretrain")).idle == (why,)
    assert run(small, node_of(small, "warmup")).idle == (why,)
