"""Runs and requests from one store into another, also from one of version 1."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import DataMissingError
from gclbench.schema import RunStatus
from gclbench.tracking import Reader, RunStore
from gclbench.tracking.records import add_records, read_records, write_records
from gclbench.tracking.versions import NEWEST

DUMP = Path(__file__).resolve().parents[1] / "data" / "store_v1.sql"
REQUEST = {"study": "t6", "profile": "smoke", "seed": 0, "row": "r", "task": "t", "node_key": "k"}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    made = RunStore(f"sqlite:///{tmp_path}/store.db")
    for number, status in enumerate((RunStatus.FAILED, RunStatus.COMPLETED, RunStatus.RUNNING)):
        made.add_run(run_values(f"run-{number}", status))
    points = [
        {"name": "mAP", "step": s, "value": v, "time": "t"}
        for s, v in ((1, 2.5), (1, 0.5), (2, None))
    ]
    made.add_metrics("run-1", points)
    made.set_artifacts("run-1", {"encoder.pt": "aa"})
    return made


@pytest.fixture
def other(tmp_path: Path) -> RunStore:
    return RunStore(f"sqlite:///{tmp_path}/other/store.db")


def run_values(run_id: str, status: RunStatus, **more: Any) -> dict[str, Any]:
    plain = dict.fromkeys(("config_json", "host_json", "versions_json", "git_json"), '{"a": 1}')
    where = {"cpu_model": "a CPU", "threads": 2, "packages_json": '{"mine": {"version": "1"}}'}
    node = {"node_key": "k", "stage": "joint", "label": "a label", "seed": 2**32 - 1}
    known = {"id": run_id, "status": status, "started": "2026-01-01T00:00:00"}
    return {**plain, **where, **node, **known, **more}


def test_runs_arrive_as_they_left_but_for_those_that_still_run(
    store: RunStore, other: RunStore
) -> None:
    data = write_records(store, ["k"], [{**REQUEST, "overrides": {"joint.lr": 0.1}}])
    assert add_records(other, read_records(data)) == 2
    there, here = Reader(store), Reader(other)
    assert here.runs() == [run for run in there.runs() if run.id != "run-2"]
    assert here.run("run-1").cpu_model == "a CPU"
    assert here.metric("run-1", "mAP") == there.metric("run-1", "mAP")
    assert here.artifacts("run-1") == {"encoder.pt": "aa"}
    assert other.seeds_of("t6", "smoke", {"joint.lr": 0.1}) == [0]


def test_what_is_there_already_is_kept(store: RunStore, other: RunStore) -> None:
    other.add_run(run_values("run-1", RunStatus.COMPLETED, label="kept"))
    records = read_records(write_records(store, ["k"], []))
    assert [add_records(other, records) for _ in range(2)] == [1, 0]
    assert Reader(other).run("run-1").label == "kept"
    assert Reader(other).metric_names("run-1") == []


def test_only_the_nodes_that_are_named_come_along(store: RunStore) -> None:
    store.add_run(run_values("else", RunStatus.COMPLETED, node_key="another"))
    assert [line.run.id for line in read_records(write_records(store, ["another"], [])).runs] == [
        "else"
    ]
    assert read_records(write_records(store, [], [])).runs == ()
    many = [f"{number:064d}" for number in range(700)]
    store.add_run(run_values("last", RunStatus.COMPLETED, node_key=many[-1]))
    assert [line.run.id for line in read_records(write_records(store, many, [])).runs] == ["last"]


def test_a_store_of_version_1_is_exported_as_it_is(tmp_path: Path, other: RunStore) -> None:
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(DUMP.read_text(encoding="utf-8"))
    connection.close()
    before = path.read_bytes()
    old = RunStore(f"sqlite:///{path}")
    keys = {run.node_key for run in Reader(old).runs()}
    assert add_records(other, read_records(write_records(old, keys, []))) == 6
    assert Reader(other).runs() == Reader(old).runs()
    assert path.read_bytes() == before


def test_a_store_that_is_not_there_has_no_runs(other: RunStore) -> None:
    records = read_records(write_records(other, ["k"], []))
    assert (records.runs, records.requests) == ((), ())


RUN: dict[str, Any] = {
    "id": "1", "node_key": "k", "stage": "joint", "label": "l", "seed": 0, "status": "COMPLETED",
    "started": "t", "config": {}, "host": {}, "versions": {}, "git": {}, "result": {},
}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "letter",
        "[]",
        {"kind": "pickle"},
        {"kind": "run", "run": RUN, "metrics": [], "files": {}, "more": 1},
        {"kind": "run", "run": {**RUN, "host": "x"}, "metrics": [], "files": {}},
        {"kind": "run", "run": {**RUN, "seed": 2**70}, "metrics": [], "files": {}},
        {"kind": "run", "run": {**RUN, "status": "WON"}, "metrics": [], "files": {}},
        {"kind": "run", "run": RUN, "metrics": [{"name": "a", "step": "x"}], "files": {}},
        {"kind": "request", "request": {**REQUEST, "overrides": {"a": float("nan")}}},
    ],
)
def test_what_gclbench_does_not_write_is_refused(line: object, other: RunStore) -> None:
    text = line if isinstance(line, str) else json.dumps(line)
    data = json.dumps({"version": NEWEST}).encode() + b"\n" + text.encode() + b"\n"
    with pytest.raises(DataMissingError, match="nothing was imported"):
        read_records(data)


@pytest.mark.parametrize("data", [b"", b"\n", b"{}", b"\xff\xfe"])
def test_text_without_a_head_is_refused(data: bytes) -> None:
    with pytest.raises(DataMissingError, match="nothing was imported"):
        read_records(data)


def test_runs_of_a_newer_program_are_refused() -> None:
    with pytest.raises(DataMissingError, match=f"version {NEWEST + 1}.*up to {NEWEST}"):
        read_records(json.dumps({"version": NEWEST + 1}).encode())
