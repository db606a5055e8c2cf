"""Database engines: one per process and URL, set up for several processes that write.

A node that opens the store anew finds the engine that is there, so a thousand nodes hold no more
connections of a server than one. A forked child makes engines of its own: what it inherits would
talk over its parent's sockets.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Engine, NullPool, create_engine, event, func, make_url, select
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from gclbench.digest import digest
from gclbench.errors import GclbenchError, MissingExtraError, UsageError
from gclbench.redaction import has_two_ends, redacted_url, remember_secrets

BUSY_TIMEOUT_S = 60
# Those that gclbench's extra brings, or Python has.
_DRIVERS = ("postgresql+psycopg", "sqlite")

_T = TypeVar("_T")
_LOCK = threading.RLock()
_ENGINES: dict[str, Engine] = {}
_INHERITED: list[Engine] = []


def open_engine(url: str) -> Engine:
    """Return this process' engine for a store's URL; it is made on first use.

    Raises UsageError for what is no URL of a database, MissingExtraError without its driver.
    """
    remember_secrets(url)
    with _LOCK:
        if url not in _ENGINES:
            _ENGINES[url] = _new_engine(url)
        return _ENGINES[url]


def release(url: str) -> None:
    """Close this process' connections to a store, but those in use; it may be used again."""
    with _LOCK:
        engine = _ENGINES.get(url)
    if engine is not None:
        engine.dispose()


def reading_engine(url: str) -> Engine:
    """Return an engine that never writes, nor leaves a file beside the store.

    SQLite: where no write-ahead log lies beside it, nobody has the store open, and it is read as a
    file that does not change (see `read_steadily`); this also works in a folder that may not be
    written to. Other databases: `open_engine`.
    """
    path, name = sqlite_file(url), f"reading {url}"
    if path is None:
        return open_engine(url)
    with _LOCK:
        if name not in _ENGINES:
            _ENGINES[name] = _sqlite_reader(path)
        return _ENGINES[name]


def read_steadily(url: str, read: Callable[[], _T]) -> _T:
    """Return what `read` gives, called again when an SQLite file changed under it.

    A file that is read as unchanging is not locked: a writer may begin meanwhile.
    """
    path = sqlite_file(url)
    while True:
        before = _state(path)
        try:
            found = read()
        except DBAPIError:
            if before == _state(path):
                raise
        else:
            if before == _state(path):
                return found


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite store; None for another database or one in memory."""
    try:
        parsed = _parsed(url)
    except ArgumentError:
        return None
    ours = parsed.get_backend_name() == "sqlite" and not (parsed.host or parsed.username)
    database = parsed.database if ours else None
    return Path(database) if database and database != ":memory:" else None


def make_folder(url: str) -> None:
    """Make the folder of an SQLite store. Raises GclbenchError where that cannot be done."""
    path = sqlite_file(url)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GclbenchError(
            f"cannot make the folder of {path}: {error.strerror}.", "Set home=DIR."
        ) from error


def driver_url(url: str) -> str:
    """Return the URL with psycopg 3 as the driver of PostgreSQL, unless it names another one.

    SQLAlchemy takes `postgresql://` for psycopg2, its predecessor.
    """
    scheme, separator, rest = url.partition("://")
    known = scheme in ("postgres", "postgresql")
    return f"postgresql+psycopg{separator}{rest}" if known else url


def shown(url: str) -> str:
    """Return the file of an SQLite store, of another the URL without its password."""
    path = sqlite_file(url)
    return redacted_url(url) if path is None else str(path)


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


def _new_engine(url: str) -> Engine:
    try:
        parsed = _parsed(driver_url(url))
        _refuse_two_ats(parsed, url)
        backend = parsed.get_backend_name()
        if backend == "sqlite":
            return _sqlite_engine(parsed)
        if backend != "postgresql":
            raise ArgumentError(f"a store is not kept by {backend}")
        return create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, TypeError):
        raise UsageError(
            f"'{shown(url)}' is not a store.",
            "Use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
        ) from None  # it quotes the URL
    except ImportError as error:  # a driver that is there, but not its library, names no module
        driver = make_url(driver_url(url)).drivername
        if driver not in _DRIVERS:
            raise UsageError(
                f"the store {shown(url)} asks for {driver}, which is not there.",
                "Use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
            ) from None
        raise MissingExtraError(str(error.name or "psycopg"), "postgresql") from error


def _parsed(url: str) -> URL:
    """Parse a URL. Raises ArgumentError."""
    try:
        return make_url(url)
    except ValueError:  # it quotes what is no port: the rest of a password, perhaps
        raise ArgumentError("the port is not a number") from None


def _refuse_two_ats(parsed: URL, url: str) -> None:
    """Raise UsageError where the rest of a password would be asked for as a host."""
    if parsed.password is not None and has_two_ends(url):
        raise UsageError(
            f"'{redacted_url(url)}' is not a store: it is not clear where its password ends.",
            "In a user's name, a password or a query write @ as %40, ? as %3F.",
        )


def _sqlite_engine(url: URL) -> Engine:
    return queue_writers(create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}))


def _sqlite_reader(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        log = "" if has_log(path) else "&immutable=1"
        # With an authority, though an empty one: a path may begin with two slashes.
        place = f"file://{quote(str(path.absolute()))}?mode=ro{log}"
        return sqlite3.connect(place, uri=True, timeout=BUSY_TIMEOUT_S)

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def has_log(path: Path) -> bool:
    """Whether a writer has the database open, or died: what it wrote is in a file beside it."""
    ends = ("wal", "shm", "journal")
    log, index, journal = (_size(path.with_name(f"{path.name}-{end}")) for end in ends)
    return index is not None or journal is not None or bool(log)


def _size(path: Path) -> int | None:
    """A file's size; None for one that is not there, or has just gone."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _state(path: Path | None) -> object:
    """What changes when a file that is read without a lock is written to."""
    if path is None or has_log(path):
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _leave_to_the_parent() -> None:
    """In a forked child: forget the parent's engines, without closing what it still uses."""
    global _LOCK
    _LOCK = threading.RLock()
    _INHERITED.extend(_ENGINES.values())
    _ENGINES.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_leave_to_the_parent)
