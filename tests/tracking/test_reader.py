"""Tracked runs read back: their order, their metrics' order, and what belongs to which run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import DataMissingError, UnknownNameError
from gclbench.schema import RunStatus
from gclbench.tracking import Point, Reader, RunStore


def run_values(run_id: str, started: str, status: RunStatus, node_key: str) -> dict[str, Any]:
    plain = dict.fromkeys(("config_json", "host_json", "versions_json", "git_json"), "{}")
    node = {"node_key": node_key, "stage": "joint", "label": "a label", "seed": 1}
    return {**plain, **node, "id": run_id, "started": started, "status": status}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Three runs whose names, times and order of arrival differ."""
    made = RunStore(f"sqlite:///{tmp_path}/store.db")
    for values in (
        ("b", "2026-01-03", RunStatus.COMPLETED, "one"),
        ("c", "2026-01-01", RunStatus.FAILED, "two"),
        ("a", "2026-01-02", RunStatus.COMPLETED, "two"),
    ):
        made.add_run(run_values(*values))
    return made


def ids(store: RunStore, **asked: Any) -> list[str]:
    return [run.id for run in Reader(store).runs(**asked)]


def test_runs_come_oldest_first(store: RunStore) -> None:
    assert ids(store) == ["c", "a", "b"]


def test_runs_are_chosen_by_node_and_by_status(store: RunStore) -> None:
    assert ids(store, status=RunStatus.COMPLETED) == ["a", "b"]
    assert ids(store, node_key="two") == ["c", "a"]
    assert ids(store, node_key="two", status=RunStatus.FAILED) == ["c"]


def test_a_metric_comes_by_step_and_what_was_logged_twice_in_that_order(store: RunStore) -> None:
    for step, value in ((3, 0.5), (1, 9.0), (1, 2.0), (2, 7.0)):
        store.add_metrics("a", [{"name": "loss", "step": step, "value": value, "time": "t"}])
    store.add_metrics("b", [{"name": "mAP", "step": 1, "value": 40.0, "time": "t"}])
    reader = Reader(store)
    points = [Point(1, 9.0), Point(1, 2.0), Point(2, 7.0), Point(3, 0.5)]
    assert reader.metric("a", "loss") == points
    assert (reader.metric_names("a"), reader.metric_names("b")) == (["loss"], ["mAP"])
    assert reader.metric("b", "loss") == []


def test_files_of_one_name_belong_to_their_runs(store: RunStore) -> None:
    for run_id, sha256 in (("a", "11"), ("b", "22"), ("a", "33")):
        store.set_artifacts(run_id, {"encoder.pt": sha256})
    reader = Reader(store)
    assert reader.artifacts("a") == {"encoder.pt": "33"}
    assert reader.artifacts("b") == {"encoder.pt": "22"}


def test_a_run_that_is_not_there_is_unknown(store: RunStore) -> None:
    with pytest.raises(UnknownNameError, match="'d'"):
        Reader(store).run("d")


@pytest.mark.parametrize(
    "column,value", [("status", "'LUNCH'"), ("label", "CAST(x'a0ff' AS TEXT)")]
)
def test_what_gclbench_does_not_write_is_one_clear_error(
    store: RunStore, tmp_path: Path, column: str, value: str
) -> None:
    with store.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE runs SET {column} = {value}")
    with pytest.raises(DataMissingError, match=r"store\.db is damaged or not a store of gclbench"):
        Reader(store).runs()
