"""The store: one database URL for runs, metrics, artifacts and requests."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Engine,
    create_engine,
    delete,
    event,
    func,
    insert,
    make_url,
    select,
    update,
)
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.schema import CreateIndex, CreateTable

from gclbench.digest import canonical_json, digest
from gclbench.errors import GclbenchError, MissingExtraError, StorageFullError, UsageError
from gclbench.schema import RunStatus
from gclbench.tracking.tables import ARTIFACTS, METADATA, METRICS, REQUESTS, RUNS

BUSY_TIMEOUT_S = 60


@dataclass(frozen=True)
class RequestedCell:
    """A cell that a user asked for, and the node that answers it."""

    seed: int
    row: str
    task: str
    node_key: str


@dataclass(frozen=True)
class RequestedStudy:
    """A study with the profile and overrides under which it was run."""

    study: str
    profile: str
    overrides: dict[str, Any]


class RunStore:
    """Reads and writes one database; safe to use from several processes and threads.

    `url` is SQLAlchemy's: `sqlite:///path/store.db` (write-ahead log, waits for a busy writer) or
    `postgresql://...`. Tables are made on first use. Raises UsageError for a URL that cannot be
    read and GclbenchError for a database that cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = open_engine(url)
        with self.transaction() as connection:
            take_turns(connection, "tables")
            for table in METADATA.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in sorted(table.indexes, key=lambda item: str(item.name)):
                    connection.execute(CreateIndex(index, if_not_exists=True))

    def close(self) -> None:
        """Release all connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection; everything done with it is stored together or not at all."""
        with self._errors(), self._engine.begin() as connection:
            yield connection

    def add_run(self, values: Mapping[str, Any]) -> None:
        """Insert a run (columns of `tables.RUNS`).

        Runs of the same node that still say RUNNING were killed: the artifact lock lets one
        process at a time work on a node. They become INTERRUPTED.
        """
        stale = (RUNS.c.node_key == values["node_key"]) & (RUNS.c.status == RunStatus.RUNNING)
        with self.transaction() as connection:
            connection.execute(update(RUNS).where(stale).values(status=RunStatus.INTERRUPTED))
            connection.execute(insert(RUNS).values(**values))

    def update_run(self, run_id: str, values: Mapping[str, Any]) -> None:
        with self.transaction() as connection:
            connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(**values))

    def add_metrics(self, run_id: str, points: Sequence[Mapping[str, Any]]) -> None:
        """Append points with `name`, `step`, `value`, `time`."""
        if points:
            rows = [{"run_id": run_id, **point} for point in points]
            with self.transaction() as connection:
                connection.execute(insert(METRICS), rows)

    def set_artifacts(self, run_id: str, files: Mapping[str, str]) -> None:
        """Note the SHA-256 of each file by name; a name that is there already is replaced."""
        of_run = ARTIFACTS.c.run_id == run_id
        with self.transaction() as connection:
            for name, sha256 in sorted(files.items()):
                connection.execute(delete(ARTIFACTS).where(of_run, ARTIFACTS.c.name == name))
                values = {"run_id": run_id, "name": name, "sha256": sha256}
                connection.execute(insert(ARTIFACTS).values(**values))

    def remember(self, requests: Iterable[Mapping[str, Any]]) -> None:
        """Note what was asked for; a cell that was asked for before gets its newest node.

        Each request names `study`, `profile`, `overrides` (dotted key -> value), `seed`, `row`,
        `task` and `node_key`, the node that answers it.
        """
        with self.transaction() as connection:
            take_turns(connection, "requests")
            for request in requests:
                place = {
                    name: request[name] for name in ("study", "profile", "seed", "row", "task")
                }
                place["overrides_sha256"] = digest(request["overrides"])
                same = [REQUESTS.c[name] == value for name, value in place.items()]
                connection.execute(delete(REQUESTS).where(*same))
                connection.execute(
                    insert(REQUESTS).values(
                        **place,
                        overrides_json=canonical_json(request["overrides"]).decode(),
                        node_key=request["node_key"],
                        time=now(),
                    )
                )

    def seeds_of(self, study: str, profile: str, overrides: Mapping[str, Any]) -> list[int]:
        """Return the sorted seeds that were ever asked for."""
        cells = self.requests(study, profile, overrides)
        return sorted({cell.seed for cell in cells})

    def requests(
        self, study: str, profile: str, overrides: Mapping[str, Any]
    ) -> list[RequestedCell]:
        """Return the cells that were ever asked for, sorted by row, task, seed."""
        columns = (REQUESTS.c.seed, REQUESTS.c.row, REQUESTS.c.task, REQUESTS.c.node_key)
        question = (
            select(*columns)
            .where(REQUESTS.c.study == study, REQUESTS.c.profile == profile)
            .where(REQUESTS.c.overrides_sha256 == digest(overrides))
            .order_by(REQUESTS.c.row, REQUESTS.c.task, REQUESTS.c.seed)
        )
        with self.transaction() as connection:
            return [RequestedCell(*row) for row in connection.execute(question)]

    def studies(self) -> list[RequestedStudy]:
        """Return every study that was asked for, with its profile and overrides, sorted."""
        columns = (REQUESTS.c.study, REQUESTS.c.profile, REQUESTS.c.overrides_json)
        with self.transaction() as connection:
            rows = connection.execute(select(*columns).distinct().order_by(*columns))
            return [RequestedStudy(row[0], row[1], json.loads(row[2])) for row in rows]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            text = str(error.orig).split("\n")[0]
            if "disk is full" in text or "No space left" in text:
                raise StorageFullError(
                    f"no space left for the store {_shown(self.url)}.", "Free some space."
                ) from error
            raise GclbenchError(
                f"the store {_shown(self.url)} failed: {text}.",
                "Check that it can be reached and written to, or set store=URL.",
            ) from error


def now() -> str:
    """Return the time in UTC as ISO 8601 text with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def open_engine(url: str) -> Engine:
    """Return an engine for a store's URL, set up for several processes that write.

    Raises UsageError for what is no URL of a database, MissingExtraError without its driver.
    """
    try:
        parsed = make_url(driver_url(url))
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        return _sqlite_engine(parsed)
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError(
            f"'{_shown(url)}' is not a store.",
            "Use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
        ) from error
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "postgresql") from error


def driver_url(url: str) -> str:
    """Return the URL with psycopg 3 as the driver of PostgreSQL, unless it names another one.

    SQLAlchemy takes `postgresql://` for psycopg2, its predecessor.
    """
    scheme, separator, rest = url.partition("://")
    known = scheme in ("postgres", "postgresql")
    return f"postgresql+psycopg{separator}{rest}" if known else url


def take_turns(connection: Connection, what: str) -> None:
    """Make others who call this for the same thing wait until the transaction ends.

    For PostgreSQL, where two that delete and insert the same row, or make the same table, fail
    instead of waiting. A writer of SQLite is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(lock_number(what))))


def lock_number(name: str) -> int:
    """Return the number (63 bits) under which PostgreSQL keeps an advisory lock of ours."""
    return int(digest(f"gclbench/{name}")[:16], 16) >> 1


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GclbenchError(
                f"cannot make the folder of {url.database}: {error.strerror}.", "Set home=DIR."
            ) from error
    return queue_writers(create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}))


def queue_writers(engine: Engine) -> Engine:
    """Set up an SQLite engine so that writers wait for each other; return it."""

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        write_ahead(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    # SQLAlchemy's driver begins lazily, as a reader; a reader that turns writer does not wait for
    # a busy writer but fails at once. Beginning as a writer makes everybody queue.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def write_ahead(cursor: Any) -> None:
    """Turn on the write-ahead log; a database that others open at the same moment is tried again.

    Of two connections that both turn it on, SQLite lets one wait and fails the other at once,
    whatever its timeout: each would wait for the other to stop reading.
    """
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def _shown(url: str) -> str:
    """The URL without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url
