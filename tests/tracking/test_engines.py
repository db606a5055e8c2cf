"""One engine for a URL in a process: connections do not add up, and a fork inherits none."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text

from gclbench.errors import UsageError
from gclbench.tracking import Reader, RunStore
from gclbench.tracking.engines import driver_url, open_engine, release, shown, sqlite_file

POSTGRESQL = os.environ.get("GCLBENCH_TEST_POSTGRESQL", "")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


def open_often(url: str, times: int = 30) -> None:
    """As many nodes do, one after the other, none of which closes what it opened."""
    for seed in range(times):
        place = {"study": "s", "profile": "p", "overrides": {}, "row": "r", "task": "t"}
        store = RunStore(url)
        store.remember([{**place, "seed": seed, "node_key": "k"}])
        assert Reader(store).runs() == []


def test_stores_of_one_url_share_an_engine_and_its_connection(url: str) -> None:
    made: list[object] = []
    event.listen(open_engine(url), "connect", lambda connection, record: made.append(connection))
    open_often(url)
    assert len(made) == 1
    assert open_engine(url).pool.checkedin() == 1  # type: ignore[attr-defined]
    assert open_engine(f"{url}2") is not open_engine(url)


def test_a_store_that_was_closed_holds_no_connection_and_can_be_used_again(url: str) -> None:
    store = RunStore(url)
    open_often(url, 1)
    store.close()
    assert open_engine(url).pool.checkedin() == 0  # type: ignore[attr-defined]
    assert store.seeds_of("s", "p", {}) == [0]
    open_often(url, 2)
    assert store.seeds_of("s", "p", {}) == [0, 1]


def test_releasing_what_was_never_opened_does_nothing(url: str) -> None:
    release(url)
    assert not Path(url.removeprefix("sqlite:///")).exists()


def test_a_file_that_was_made_anew_after_a_close_is_not_written_through_the_old_one(
    url: str, tmp_path: Path
) -> None:
    open_often(url, 1)
    RunStore(url).close()
    for path in tmp_path.iterdir():
        path.unlink()
    assert RunStore(url).studies() == []
    open_often(url, 3)
    RunStore(url).close()
    assert [path.name for path in tmp_path.iterdir()] == ["store.db"]
    assert RunStore(url).seeds_of("s", "p", {}) == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_makes_an_engine_of_its_own(url: str) -> None:
    open_often(url, 1)
    store, ours = RunStore(url), open_engine(url)
    child = os.fork()
    if child == 0:
        fresh = open_engine(url) is not ours
        written = store.seeds_of("s", "p", {}) == [0]
        os._exit(0 if fresh and written else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert open_engine(url) is ours
    open_often(url, 2)


@pytest.mark.parametrize(
    "text_,path",
    [
        ("sqlite:///store.db", "store.db"),
        ("sqlite:////a/b.db", "/a/b.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql://me@host/db", None),
        ("nonsense", None),
    ],
)
def test_a_stores_file_is_known_by_its_url(text_: str, path: str | None) -> None:
    assert sqlite_file(text_) == (None if path is None else Path(path))


def test_a_store_is_shown_by_its_file_or_without_its_password() -> None:
    assert shown("sqlite:////a/b.db") == "/a/b.db"
    assert "secret" not in shown("postgresql://me:secret@host/db")


def test_a_store_in_memory_is_written_and_read() -> None:
    open_often("sqlite://", 2)
    assert RunStore("sqlite://").seeds_of("s", "p", {}) == [0, 1]
    RunStore("sqlite://").close()


@pytest.fixture
def server(postgresql_url: str) -> str:
    """A store on PostgreSQL whose connections have a name of the test's own."""
    return f"{postgresql_url}&application_name=test_engines_{uuid.uuid4().hex[:12]}"


def connections(url: str) -> int:
    """How many sessions the server has of a test's own name, but this question's."""
    name = url.partition("application_name=")[2].partition("&")[0]
    engine = create_engine(driver_url(POSTGRESQL))
    question = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
    with engine.connect() as connection:
        found = connection.scalar(question, {"name": name})
    engine.dispose()
    return int(found or 0)


def test_a_server_sees_one_connection_however_often_it_is_opened(server: str) -> None:
    open_often(server)
    assert connections(server) == 1
    RunStore(server).close()
    give_up = time.monotonic() + 10
    while connections(server) and time.monotonic() < give_up:  # the server takes a moment
        time.sleep(0.05)
    assert connections(server) == 0


def test_of_a_driver_that_no_extra_brings_it_is_not_said_that_one_does() -> None:
    with pytest.raises(UsageError, match=r"asks for sqlite\+pysqlcipher, which is not there. Use"):
        open_engine("sqlite+pysqlcipher://:hidden@/x.db")
