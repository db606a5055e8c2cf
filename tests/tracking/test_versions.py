"""Stores of older, newer and other programs; what a reader leaves behind; PostgreSQL too."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from gclbench.errors import DataMissingError, GclbenchError, UsageError
from gclbench.schema import RunStatus
from gclbench.tracking import Point, Reader, RunStore
from gclbench.tracking import store as store_module
from gclbench.tracking.engines import open_engine, read_steadily
from gclbench.tracking.tables import METADATA
from gclbench.tracking.versions import MIGRATIONS, NEWEST, VERSION_TABLE, load_scripts

DUMP = Path(__file__).resolve().parents[1] / "data" / "store_v1.sql"
POSTGRESQL = os.environ.get("GCLBENCH_TEST_POSTGRESQL", "")
TABLES = ("runs", "metrics", "artifacts", "requests")
POINT = {"name": "loss", "step": 9, "value": 0.5, "time": "t"}
RUN = "6fd57277ddb0-c5a808217b39"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store of version 1, as the program left it before there were versions."""
    return restore(tmp_path / "home" / "store.db")


def restore(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(DUMP.read_text(encoding="utf-8"))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    return path


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def rows(path: Path, table: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid")]
    connection.close()
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# -- version 1 ------------------------------------------------------------------------------------


def test_a_store_of_version_1_is_read_without_a_write(old: Path) -> None:
    before = files(old.parent)
    store = RunStore(url_of(old))
    reader = Reader(store)
    assert store.version == 1
    assert {run.status for run in reader.runs()} == {
        RunStatus.COMPLETED,
        RunStatus.FAILED,
        RunStatus.INTERRUPTED,
    }
    run = reader.run(RUN)
    assert (run.stage, run.seed, run.host["hostname"]) == ("joint", 0, "bench")
    assert (run.cpu_model, run.threads, run.attempt, run.peak_memory_mb) == (None,) * 4
    assert run.packages == {}
    assert [point.step for point in reader.metric(RUN, "loss")] == [1, 2]
    assert sorted(reader.artifacts(RUN)) == ["encoder.pt", "epochs.json"]
    assert store.seeds_of("table6", "smoke", {}) == [0]
    assert len(store.studies()) == 3
    store.close()
    assert files(old.parent) == before


def test_the_first_write_brings_it_up_to_date_and_keeps_every_row(old: Path) -> None:
    before = {table: rows(old, table) for table in TABLES}
    store = RunStore(url_of(old))
    store.add_metrics(RUN, [POINT])
    assert store.version == NEWEST
    store.close()
    assert rows(old, VERSION_TABLE) == [{"version_num": str(NEWEST)}]
    after = {table: rows(old, table) for table in TABLES}
    assert after["metrics"].pop()["step"] == 9
    for table in TABLES:
        pairs = zip(after[table], before[table], strict=True)
        assert [{name: row[name] for name in first} for row, first in pairs] == before[table]
    again = Reader(RunStore(url_of(old)))
    assert again.run(RUN).cpu_model is None
    assert again.metric(RUN, "loss")[-1] == Point(9, 0.5)


def test_a_reader_of_version_1_reads_on_when_another_process_brings_it_up_to_date(
    old: Path,
) -> None:
    reader = Reader(RunStore(url_of(old)))
    RunStore(url_of(old)).upgrade()
    assert reader.run(RUN).seconds is None
    assert len(reader.runs()) == 6


def test_version_1_with_an_empty_version_table_is_version_1(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL)")
    connection.close()
    store = RunStore(url_of(old))
    assert store.version == 1
    store.upgrade()
    assert rows(old, VERSION_TABLE) == [{"version_num": str(NEWEST)}]


@pytest.mark.parametrize("made", ["new", "old"])
def test_migrated_tables_are_those_of_the_program(old: Path, tmp_path: Path, made: str) -> None:
    path = old if made == "old" else tmp_path / "new.db"
    RunStore(url_of(path)).upgrade()
    with open_engine(url_of(path)).connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []


def test_the_newest_version_is_the_last_script() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_heads() == [str(NEWEST)]
    assert scripts.get_bases() == ["1"]
    since = {c.info.get("since", 1) for table in METADATA.sorted_tables for c in table.columns}
    assert max(since) <= NEWEST


def test_optunas_own_version_stands_beside_ours(old: Path) -> None:
    from gclbench.search.storage import open_storage

    open_storage(url_of(old)).engine.dispose()
    with open_engine(url_of(old)).connect() as connection:
        names = set(inspect(connection).get_table_names())
    assert {"alembic_version", VERSION_TABLE, "trials", "runs"} <= names
    assert RunStore(url_of(old)).version == NEWEST


# -- newer, damaged, not ours ---------------------------------------------------------------------


def refused(path: Path, *parts: str) -> None:
    """Neither a reader nor a writer gets in; the one line names the file; nothing changes."""
    before = files(path.parent)
    url = url_of(path)
    for use in (lambda: RunStore(url).studies(), lambda: RunStore(url).upgrade()):
        with pytest.raises(GclbenchError) as caught:
            use()
        line = str(caught.value)
        assert "\n" not in line
        assert all(part in line for part in (str(path), *parts))
        assert caught.value.remedy
    assert files(path.parent) == before


@pytest.mark.parametrize("version", [str(NEWEST + 1), "17", "a1b2c3", "-1", "0"])
def test_a_store_of_a_newer_program_is_refused(old: Path, version: str) -> None:
    RunStore(url_of(old)).upgrade()
    RunStore(url_of(old)).close()
    connection = sqlite3.connect(old)
    connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (version,))
    connection.commit()
    connection.close()
    refused(old, repr(version), f"up to {NEWEST}", "Nothing was read")


@pytest.mark.parametrize(
    "content", [b"a letter to a friend, which is longer than a page header " * 9, bytes(5000)]
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    refused(path, "file is not a database", "Move it away")


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.8])
def test_a_truncated_store_is_one_clear_error(old: Path, share: float) -> None:
    whole = old.read_bytes()
    old.write_bytes(whole[: int(len(whole) * share)])
    refused(old, "damaged or not a store of gclbench")


def test_a_store_with_a_torn_text_is_one_clear_error(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute("UPDATE runs SET host_json = '{'")
    connection.execute("UPDATE requests SET overrides_json = '[1]'")
    connection.commit()
    connection.close()
    store = RunStore(url_of(old))
    for read in (lambda: Reader(store).runs(), store.studies):
        with pytest.raises(DataMissingError, match=r"store\.db is damaged"):
            read()


@pytest.mark.parametrize("table", ["moz_places", "trials", "runs"])
def test_the_database_of_another_program_is_refused(tmp_path: Path, table: str) -> None:
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE {table} (run_uuid TEXT, metrics TEXT)")
    connection.close()
    refused(path, "not a store of gclbench", table)


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    assert RunStore(url_of(path)).studies() == []
    assert path.read_bytes() == b""
    RunStore(url_of(path)).upgrade()
    assert RunStore(url_of(path)).version == NEWEST


# -- reading --------------------------------------------------------------------------------------


def test_reading_a_store_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    store = RunStore(url_of(tmp_path / "home" / "store.db"))
    assert (store.version, store.studies(), Reader(store).runs()) == (0, [], [])
    assert list(tmp_path.iterdir()) == []
    RunStore(store.url).upgrade()
    assert store.studies() == []
    assert store.version == NEWEST


def test_what_a_writer_has_not_yet_moved_into_the_file_is_read(old: Path) -> None:
    writer = sqlite3.connect(old)
    writer.execute("UPDATE runs SET label = 'from the log'")
    writer.commit()
    labels = {run.label for run in Reader(RunStore(url_of(old))).runs()}
    writer.close()
    assert labels == {"from the log"}


def test_a_file_that_changes_under_a_reader_is_read_again(old: Path) -> None:
    answers: list[int] = []

    def read() -> int:
        answers.append(len(answers))
        if len(answers) == 1:
            os.utime(old, ns=(1, 1))
        return answers[-1]

    assert read_steadily(url_of(old), read) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("killed", [False, True])
def test_a_store_in_a_folder_that_may_not_be_written_is_read(
    killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another account where the tests run as root; `killed`: a log was left beside it."""
    scripts = load_scripts()  # that account may not be able to read them
    monkeypatch.setattr(store_module, "load_scripts", lambda: scripts)
    with tempfile.TemporaryDirectory() as folder:
        path = restore(Path(folder) / "home" / "store.db")
        if killed:
            leave_a_log(path)
        before = files(path.parent)
        os.chmod(folder, 0o755)
        for each in path.parent.iterdir():
            each.chmod(0o444)
        path.parent.chmod(0o555)
        try:
            assert in_child(lambda: Reader(RunStore(url_of(path))).run(RUN).seed, 65534) == "0"
            assert "readonly" in in_child(lambda: RunStore(url_of(path)).upgrade(), 65534)
            assert files(path.parent) == before
        finally:
            path.parent.chmod(0o755)


def leave_a_log(path: Path) -> None:
    """Write as a process that is killed before its log is moved into the file."""
    code = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1]); c.execute(\"UPDATE runs SET label = 'killed'\")\n"
        "c.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.with_name("store.db-wal").stat().st_size > 0


def in_child(work: Callable[[], object], user: int) -> str:
    """Return what `work` gives, or raises, in a forked process without root's rights."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        if os.getuid() == 0:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        try:
            answer = str(work())
        except BaseException as error:
            answer = repr(error)
        os.write(writes, answer.encode()[:4000])
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


# -- many at once ---------------------------------------------------------------------------------

WRITE = (
    "import sys; from gclbench.tracking import RunStore\n"
    "sys.stdin.readline()\n"
    "store = RunStore(sys.argv[1])\n"
    "store.remember([{'study': 's', 'profile': 'p', 'overrides': {}, 'seed': int(sys.argv[2]),\n"
    "                 'row': 'r', 'task': 't', 'node_key': 'k'}])\n"
)


def write_from_processes(url: str, count: int = 4) -> None:
    """Several processes write at the same moment; none may fail."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, url, str(seed)],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True,
        )
        for seed in range(count)
    ]  # fmt: skip
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=300)[1] for process in started] == [""] * count
    assert RunStore(url).seeds_of("s", "p", {}) == list(range(count))
    assert RunStore(url).version == NEWEST


@pytest.mark.parametrize("made", ["new", "old"])
def test_processes_may_make_or_migrate_a_store_at_the_same_moment(
    old: Path, tmp_path: Path, made: str
) -> None:
    write_from_processes(url_of(old if made == "old" else tmp_path / "there" / "store.db"))


def test_processes_may_migrate_a_store_on_postgresql_at_the_same_moment(
    postgresql_url: str,
) -> None:
    before_versions(postgresql_url)
    assert RunStore(postgresql_url).version == 1
    write_from_processes(postgresql_url)
    with open_engine(postgresql_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []


def test_processes_may_make_a_store_on_postgresql_at_the_same_moment(postgresql_url: str) -> None:
    write_from_processes(postgresql_url)


def before_versions(url: str) -> None:
    """Leave a store as programs before version 2 made them."""
    RunStore(url).upgrade()
    with open_engine(url).begin() as connection:
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
        for name in [c.name for c in METADATA.tables["runs"].columns if c.info.get("since")]:
            connection.execute(text(f"ALTER TABLE runs DROP COLUMN {name}"))


def test_tables_of_others_on_a_server_are_left_alone_but_namesakes_are_refused(
    postgresql_url: str,
) -> None:
    engine = open_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE stars (name TEXT)"))
    RunStore(postgresql_url).upgrade()
    before_versions(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE runs DROP COLUMN node_key"))
    with pytest.raises(DataMissingError, match="not a store of gclbench"):
        RunStore(postgresql_url)


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        RunStore(url_of(tmp_path)).studies()
