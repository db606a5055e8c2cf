"""One lock for all hosts of a store, and trials beside the runs; PostgreSQL where there is one."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import UsageError
from gclbench.search.storage import Turnstile, open_storage
from gclbench.search.tuning import open_board
from gclbench.search.worker import work
from gclbench.tracking import RunStore

POSTGRESQL = os.environ.get("GCLBENCH_TEST_POSTGRESQL", "")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/store.db"
    return str(request.getfixturevalue("postgresql_url"))


def in_threads(count: int, function: Any) -> None:
    errors: list[BaseException] = []

    def one() -> None:
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_one_passes_the_turnstile_at_a_time(url: str) -> None:
    RunStore(url).close()
    inside: list[int] = []
    most = [0]

    def pass_through() -> None:
        gate = Turnstile(url, "a")
        for _ in range(5):
            with gate():
                inside.append(1)
                most[0] = max(most[0], len(inside))
                time.sleep(0.005)
                inside.pop()

    in_threads(3, pass_through)
    assert most == [1]


def test_turnstiles_of_different_searches_do_not_wait_for_each_other(url: str) -> None:
    RunStore(url).close()
    with Turnstile(url, "a")(), Turnstile(url, "b")():
        pass


def test_many_may_make_the_tables_at_once(url: str) -> None:
    in_threads(3, lambda: open_storage(url))


def test_workers_share_a_search_in_the_store_of_the_runs(
    url: str, make: Any, objective: Any
) -> None:
    tuning = replace(make(trials=9), store=url)
    in_threads(3, lambda: work(tuning, objective, poll_s=0.05))
    trials = open_board(tuning).trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 9
    assert RunStore(url).studies() == []  # the tables of both stand beside each other


def test_what_is_no_store_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="is not a store"):
        open_storage("nonsense")
