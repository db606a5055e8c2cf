"""Runs on PostgreSQL; $GCLBENCH_TEST_POSTGRESQL names a database that may be written."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from gclbench.errors import GclbenchError, MissingExtraError
from gclbench.schema import RunStatus
from gclbench.tracking import Reader, RequestedCell, RunStore
from gclbench.tracking import engines as module
from gclbench.tracking.engines import driver_url, lock_number

URL = os.environ.get("GCLBENCH_TEST_POSTGRESQL", "")
needs_server = pytest.mark.skipif(not URL, reason="$GCLBENCH_TEST_POSTGRESQL is not set")


@pytest.fixture
def url(postgresql_url: str) -> str:
    return postgresql_url


def run_values(run_id: str, **values: object) -> dict[str, object]:
    plain = dict.fromkeys(("config_json", "host_json", "versions_json", "git_json"), "{}")
    named = {"id": run_id, "node_key": "k", "stage": "joint", "label": "a label", "seed": 1}
    status = {"status": RunStatus.RUNNING, "started": "2026-01-01T00:00:00"}
    return {**plain, **named, **status, **values}


def request(row: str) -> dict[str, object]:
    place = {"study": "t6", "profile": "smoke", "overrides": {}, "seed": 0, "task": "t"}
    return {**place, "row": row, "node_key": "k"}


def together(count: int, work: Callable[[int], None]) -> list[BaseException]:
    """Run `work` in threads and return what went wrong."""
    errors: list[BaseException] = []

    def one(index: int) -> None:
        try:
            work(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@needs_server
def test_a_run_is_kept_whole(url: str) -> None:
    store = RunStore(url)
    store.add_run(run_values("1", seed=2**32 - 1))
    points = [
        {"name": "mAP", "step": s, "value": v, "time": "t"} for s, v in ((1, 2.5), (2, None))
    ]
    store.add_metrics("1", points)
    store.set_artifacts("1", {"encoder.pt": "aa"})
    store.set_artifacts("1", {"encoder.pt": "bb"})
    store.update_run("1", {"status": RunStatus.COMPLETED, "result_json": '{"mAP": 2.5}'})
    reader = Reader(store)
    run = reader.run("1")
    assert (run.seed, run.status, run.result) == (2**32 - 1, RunStatus.COMPLETED, {"mAP": 2.5})
    assert [point.value for point in reader.metric("1", "mAP")] == [2.5, None]
    assert reader.artifacts("1") == {"encoder.pt": "bb"}


@needs_server
def test_a_new_run_of_a_node_marks_its_killed_run_as_interrupted(url: str) -> None:
    store = RunStore(url)
    store.add_run(run_values("1"))
    store.add_run(run_values("2", started="2026-01-02T00:00:00"))
    status = [run.status for run in Reader(store).runs()]
    assert status == [RunStatus.INTERRUPTED, RunStatus.RUNNING]
    assert [run.id for run in Reader(store).runs(status=RunStatus.RUNNING)] == ["2"]


@needs_server
def test_many_may_open_and_remember_at_once(url: str) -> None:
    def work(index: int) -> None:
        store = RunStore(url)
        for _ in range(5):
            store.remember([request("a"), request("b")])
        store.close()

    assert together(6, work) == []
    cells = RunStore(url).requests("t6", "smoke", {})
    assert cells == [RequestedCell(0, row, "t", "k") for row in ("a", "b")]


@needs_server
def test_an_error_is_one_of_ours_and_rolls_back(url: str) -> None:
    store = RunStore(url)
    with pytest.raises(GclbenchError, match="seed"):
        store.remember([request("a"), {**request("b"), "seed": None}])
    assert store.studies() == []


@needs_server
def test_a_server_that_does_not_answer_is_one_clear_error() -> None:
    with pytest.raises(GclbenchError, match="the store postgresql") as caught:
        RunStore("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url,expected",
    [
        ("postgresql://me@host/db", "postgresql+psycopg://me@host/db"),
        ("postgres://me@host/db", "postgresql+psycopg://me@host/db"),
        ("postgresql+psycopg2://me@host/db", "postgresql+psycopg2://me@host/db"),
        ("sqlite:///store.db", "sqlite:///store.db"),
        ("nonsense", "nonsense"),
    ],
)
def test_postgresql_is_spoken_by_psycopg_3_unless_another_driver_is_named(
    url: str, expected: str
) -> None:
    assert driver_url(url) == expected


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: object, **options: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(module, "create_engine", missing)
    with pytest.raises(MissingExtraError, match=r"gclbench\[postgresql\]"):
        RunStore("postgresql://me@host/db")


def test_locks_of_different_names_differ_and_fit_into_63_bits() -> None:
    numbers = {lock_number(name) for name in ("a", "b", "search/a")}
    assert len(numbers) == 3
    assert max(numbers) < 2**63
