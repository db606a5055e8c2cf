from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from gclbench.errors import GclbenchError, UsageError
from gclbench.schema import RunStatus
from gclbench.tracking import Reader, RequestedCell, RequestedStudy, RunStore
from gclbench.tracking.engines import write_ahead


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(f"sqlite:///{tmp_path}/new/store.db")


def run_values(run_id: str, node_key: str = "k") -> dict[str, object]:
    return {
        "id": run_id,
        "node_key": node_key,
        "stage": "joint",
        "label": "a label",
        "seed": 1,
        "status": RunStatus.RUNNING,
        "started": f"2026-01-01T00:00:00.{run_id}",
        "config_json": "{}",
        "host_json": "{}",
        "versions_json": "{}",
        "git_json": "{}",
    }


def test_sqlite_keeps_a_write_ahead_log(store: RunStore, tmp_path: Path) -> None:
    store.upgrade()
    connection = sqlite3.connect(tmp_path / "new" / "store.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


class Cursor:
    """Fails as often as it is told to."""

    def __init__(self, failures: list[str]) -> None:
        self.failures = failures
        self.said: list[str] = []

    def execute(self, statement: str) -> None:
        self.said.append(statement)
        if self.failures:
            raise sqlite3.OperationalError(self.failures.pop())


def test_a_database_that_others_open_at_the_same_moment_is_tried_again() -> None:
    busy = Cursor(["database is locked"] * 3)
    write_ahead(busy)
    assert busy.said == ["PRAGMA journal_mode=WAL"] * 4
    broken = Cursor(["disk I/O error"] * 3)
    with pytest.raises(sqlite3.OperationalError, match="disk"):
        write_ahead(broken)
    assert len(broken.said) == 1


def test_opening_a_store_twice_keeps_its_runs(store: RunStore) -> None:
    store.add_run(run_values("1"))
    again = RunStore(store.url)
    assert [run.id for run in Reader(again).runs()] == ["1"]


def test_a_new_run_of_a_node_marks_its_killed_run_as_interrupted(store: RunStore) -> None:
    store.add_run(run_values("1", "same"))
    store.add_run(run_values("2", "other"))
    store.add_run(run_values("3", "same"))
    status = {run.id: run.status for run in Reader(store).runs()}
    assert status == {
        "1": RunStatus.INTERRUPTED,
        "2": RunStatus.RUNNING,
        "3": RunStatus.RUNNING,
    }


def test_one_run_id_twice_is_an_error(store: RunStore) -> None:
    store.add_run(run_values("1"))
    with pytest.raises(GclbenchError, match="UNIQUE"):
        store.add_run(run_values("1"))


def request(**values: object) -> dict[str, object]:
    common = {"study": "t6", "profile": "smoke", "overrides": {}, "seed": 0}
    return {**common, "row": "r", "task": "t", "node_key": "k", **values}


def test_seeds_of_a_study_are_those_of_the_same_profile_and_overrides(store: RunStore) -> None:
    less = {"joint.epochs": 1}
    store.remember(request(seed=seed, overrides=less) for seed in (2, 0))
    store.remember([request(seed=7), request(seed=8, overrides=less, profile="laptop")])
    assert store.seeds_of("t6", "smoke", less) == [0, 2]
    assert store.seeds_of("t6", "smoke", {"joint.epochs": 1.0}) == [0, 2]
    assert store.seeds_of("t6", "smoke", {}) == [7]
    assert store.seeds_of("t5", "smoke", {}) == []


def test_a_cell_asked_for_again_keeps_its_newest_node_only(store: RunStore) -> None:
    store.remember([request(node_key="old")])
    store.remember([request(node_key="new")])
    assert store.requests("t6", "smoke", {}) == [RequestedCell(0, "r", "t", "new")]


def test_studies_lists_what_was_ever_asked_for(store: RunStore) -> None:
    store.remember(
        request(study="t7", overrides={"joint.losses": ["l_vi"]}, seed=s) for s in (0, 1)
    )
    store.remember([request()])
    assert store.studies() == [
        RequestedStudy("t6", "smoke", {}),
        RequestedStudy("t7", "smoke", {"joint.losses": ["l_vi"]}),
    ]


def test_many_threads_may_write_at_once(store: RunStore) -> None:
    store.add_run(run_values("1"))
    others = [RunStore(store.url) for _ in range(4)]

    def write(own: RunStore, index: int) -> None:
        for step in range(20):
            point = {"name": f"m{index}", "step": step, "value": 1.0, "time": "t"}
            own.add_metrics("1", [point])

    threads = [threading.Thread(target=write, args=(own, i)) for i, own in enumerate(others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader = Reader(store)
    assert reader.metric_names("1") == ["m0", "m1", "m2", "m3"]
    assert all(len(reader.metric("1", f"m{index}")) == 20 for index in range(4))


def test_a_transaction_that_fails_leaves_nothing(store: RunStore) -> None:
    with pytest.raises(GclbenchError, match="NOT NULL"):
        store.remember([request(), request(seed=None)])
    assert store.studies() == []


@pytest.mark.parametrize("url", ["nonsense", "oracle7://host/name", "results/store.db"])
def test_a_url_that_is_no_database_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match="is not a store"):
        RunStore(url)


def test_an_error_never_shows_the_password() -> None:
    with pytest.raises(UsageError) as caught:
        RunStore("nodatabase://me:secret@host/name")
    assert "secret" not in str(caught.value)


def test_a_store_that_is_a_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(GclbenchError, match="is a folder"):
        RunStore(f"sqlite:///{tmp_path}")
