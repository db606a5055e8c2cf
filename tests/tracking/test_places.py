"""A results folder may be called anything; its store lies inside it, and is read where it lies."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from gclbench.errors import DataMissingError, GclbenchError, UsageError
from gclbench.search.storage import open_storage
from gclbench.tracking import RunStore, known_store
from gclbench.tracking.place import store_url

NAMES = [
    "a%20b", "q?1", "a#b", "a b", "\N{SNOWMAN}", ":memory:", ":x", "{0}", "{", "a&b=c", "a;b",
    "100%", "%2F", "a@b:c", "'quoted'", 'double"', "back\\slash", "file:x", "sqlite:", "-x", "a+b",
]  # fmt: skip
REQUEST = {
    "study": "table6", "profile": "smoke", "overrides": {}, "seed": 3, "row": "none",
    "task": "market1501", "node_key": "k",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_store_lies_in_its_folder_whatever_that_is_called(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    store = RunStore(store_url(home))
    store.remember([REQUEST])
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in home.iterdir()] == ["store.db"]
    again = known_store(home)
    assert again is not None
    assert again.seeds_of("table6", "smoke", {}) == [3]


@pytest.mark.parametrize("name", ["a%20b", "q?1", "{0}", "a{b", "\N{SNOWMAN}"])
def test_trials_lie_beside_the_runs(tmp_path: Path, name: str) -> None:
    storage = open_storage(store_url(tmp_path / name))
    storage.engine.dispose()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with sqlite3.connect(tmp_path / name / "store.db") as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert {"runs", "trials"} <= tables


def test_a_relative_home_is_its_own_whatever_it_begins_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:x", "//a"):
        RunStore(store_url(Path(name.lstrip("/")))).upgrade()
    assert sorted(path.name for path in tmp_path.iterdir()) == [":memory:", "a", "file:x"]


def test_a_path_that_begins_with_two_slashes_is_read(tmp_path: Path) -> None:
    home = Path(f"/{tmp_path}")
    RunStore(store_url(home)).remember([REQUEST])
    store = known_store(home)
    assert store is not None
    assert store.seeds_of("table6", "smoke", {}) == [3]


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        store_url(tmp_path / os.fsdecode(b"caf\xe9"))


@pytest.mark.parametrize(
    "made", ["a folder", "a link to itself", "a file of something else", "a pipe"]
)
def test_what_lies_in_the_stores_place_is_not_taken_for_nothing(tmp_path: Path, made: str) -> None:
    path = tmp_path / "store.db"
    if made == "a folder":
        path.mkdir()
    elif made == "a link to itself":
        path.symlink_to(path)
    elif made == "a pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"x" * 5000)
    with pytest.raises(GclbenchError, match=r"store\.db"):
        known_store(tmp_path)
    with pytest.raises(GclbenchError, match=r"store\.db"):
        RunStore(store_url(tmp_path)).remember([REQUEST])


def test_a_folder_that_cannot_be_looked_into_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    home = tmp_path / "circle"
    home.symlink_to(home)
    with pytest.raises(DataMissingError, match=r"circle/store\.db: its links lead in a circle"):
        known_store(home)
    assert known_store(tmp_path / "absent") is None


def test_a_log_that_cannot_be_read_in_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(store_url(tmp_path))
    store.remember([REQUEST])
    store.close()
    monkeypatch.setattr(sqlite3, "connect", cannot_open)
    with pytest.raises(GclbenchError, match="can be reached and written to"):
        known_store(tmp_path)
    (tmp_path / "store.db-wal").write_bytes(b"x" * 100)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(GclbenchError, match=r"left store\.db-wal beside it.*copy the folder"):
        known_store(tmp_path)


def cannot_open(*places: object, **options: object) -> None:
    raise sqlite3.OperationalError("unable to open database file")
