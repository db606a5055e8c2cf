"""Where trials are kept: the same database as the runs, and the lock around taking a trial."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from sqlalchemy import Engine, func, make_url, select
from sqlalchemy.exc import DBAPIError

from gclbench.errors import GclbenchError
from gclbench.redaction import redacted
from gclbench.search.space import quiet
from gclbench.tracking.engines import (
    BUSY_TIMEOUT_S,
    driver_url,
    lock_number,
    make_folder,
    open_engine,
    queue_writers,
)
from gclbench.tracking.store import RunStore

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

HEARTBEAT_S = 20
GRACE_S = 90


class Turnstile:
    """A lock that one process at a time holds, on every host that uses the same store.

    A file beside an SQLite database, an advisory lock of PostgreSQL: both are let go by the system
    when their holder dies.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = make_url(url), name
        self._engine: Engine | None = None
        if self._url.get_backend_name() == "postgresql":
            self._engine = open_engine(url)
        else:
            make_folder(url)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if self._engine is None:
            with self._file():
                yield
            return
        number = lock_number(f"search/{self._name}")
        with self._engine.connect() as connection:
            connection.execute(select(func.pg_advisory_lock(number)))
            try:
                yield
            finally:
                connection.execute(select(func.pg_advisory_unlock(number)))

    def _file(self) -> FileLock:
        database = Path(self._url.database or "store.db")
        return FileLock(database.with_name(f"{database.name}.{self._name}.lock"))


def open_storage(url: str) -> RDBStorage:
    """Return Optuna's storage in a store; its tables are made on first use.

    Raises UsageError for a URL that is no store, GclbenchError for one that cannot be reached.
    """
    import optuna

    store = RunStore(url)
    store.upgrade()  # folders, the write-ahead log, and every error in our own words
    store.close()
    sqlite = make_url(url).get_backend_name() == "sqlite"
    arguments = {"connect_args": {"timeout": BUSY_TIMEOUT_S}} if sqlite else {}
    try:
        with (
            quiet(),
            Turnstile(url, "tables")(),
        ):  # two that make the same tables at once would fail
            storage = optuna.storages.RDBStorage(
                driver_url(url).replace("{", "{{").replace("}", "}}"),  # it fills in braces
                engine_kwargs={"pool_pre_ping": True, **arguments},
                heartbeat_interval=HEARTBEAT_S,
                grace_period=GRACE_S,
            )
    except (DBAPIError, RuntimeError) as error:
        raise GclbenchError(
            f"the store cannot hold trials: {redacted(str(error)).splitlines()[0]}",
            "Set store=URL to another database.",
        ) from error
    if sqlite:
        queue_writers(storage.engine)
    return storage
