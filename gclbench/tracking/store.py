"""The store: one database URL for runs, metrics, artifacts and requests."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from gclbench.digest import canonical_json, digest
from gclbench.errors import DataMissingError, GclbenchError, StorageFullError, UsageError
from gclbench.file_errors import reading
from gclbench.redaction import redacted
from gclbench.schema import RunStatus
from gclbench.tracking.engines import (
    has_log,
    make_folder,
    open_engine,
    read_steadily,
    reading_engine,
    release,
    shown,
    sqlite_file,
    take_turns,
)
from gclbench.tracking.place import STORE_FILE, store_url
from gclbench.tracking.tables import ARTIFACTS, METRICS, REQUESTS, RUNS
from gclbench.tracking.versions import NEWEST, load_scripts, upgrade, version_of

_T = TypeVar("_T")
_DAMAGED = ("file is not a database", "malformed", "file is encrypted", "Could not decode")


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
    `postgresql://...`. Reading writes nothing: a store that is not there yet has no runs, and one
    of an older version is read as it is (`versions`). The first `transaction` makes the tables or
    brings them up to date. Raises UsageError for a URL that cannot be read, GclbenchError for a
    database that cannot be reached, DataMissingError for one that is damaged, of something else or
    of a newer program.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        open_engine(url)  # a URL that is none is an error here
        self.version = self._look()

    def close(self) -> None:
        """Release this process' connections to the database."""
        release(self.url)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection to write; everything done with it is stored together or not at all."""
        self.upgrade()
        with self._errors(), open_engine(self.url).begin() as connection:
            yield connection

    def upgrade(self) -> None:
        """Make the tables or bring them up to date, unless that is done."""
        if self.version == NEWEST:
            return
        make_folder(self.url)
        scripts = load_scripts()
        with self._errors(), open_engine(self.url).begin() as connection:
            take_turns(connection, "tables")
            upgrade(connection, scripts, shown(self.url))
        self.version = NEWEST

    def rows(self, question: Select[Any]) -> list[Any]:
        """Return what a question finds, and nothing where there are no tables yet."""
        if not self.version:
            self.version = self._look()
        if not self.version:
            return []
        return self._read(lambda connection: list(connection.execute(question))) or []

    def _look(self) -> int:
        return self._read(lambda connection: version_of(connection, shown(self.url))) or 0

    def _read(self, ask: Callable[[Connection], _T]) -> _T | None:
        def once() -> _T | None:
            with reading_engine(self.url).connect() as connection:
                return ask(connection)

        if _absent(self.url):
            return None
        with self._errors():
            return read_steadily(self.url, once)

    def add_run(self, values: Mapping[str, Any]) -> int:
        """Insert a run (columns of `tables.RUNS`) and return which attempt at its node it is.

        Runs of the same node that still say RUNNING were killed: the artifact lock lets one
        process at a time work on a node. They become INTERRUPTED.
        """
        same = RUNS.c.node_key == values["node_key"]
        stale = same & (RUNS.c.status == RunStatus.RUNNING)
        with self.transaction() as connection:
            connection.execute(update(RUNS).where(stale).values(status=RunStatus.INTERRUPTED))
            before = connection.scalar(select(func.count()).select_from(RUNS).where(same))
            attempt = int(before or 0) + 1
            connection.execute(insert(RUNS).values(**{"attempt": attempt, **values}))
        return attempt

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
        return [RequestedCell(*row) for row in self.rows(question)]

    def studies(self) -> list[RequestedStudy]:
        """Return every study that was asked for, with its profile and overrides, sorted."""
        columns = (REQUESTS.c.study, REQUESTS.c.profile, REQUESTS.c.overrides_json)
        rows = self.rows(select(*columns).distinct().order_by(*columns))
        return [RequestedStudy(row[0], row[1], self.unpack(row[2])) for row in rows]

    def unpack(self, text: str | None) -> dict[str, Any]:
        """Return a stored JSON object, an empty one for NULL. Raises DataMissingError."""
        try:
            return dict(json.loads(text or "{}"))
        except (TypeError, ValueError) as error:
            raise self.damaged("a text is no JSON object") from error

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            raise self.damaged("a text is not UTF-8") from error
        except DBAPIError as error:
            text, name = redacted(str(error.orig)).split("\n")[0], shown(self.url)
            if any(words in text for words in _DAMAGED):
                raise self.damaged(text) from error
            if "disk is full" in text or "No space left" in text:
                raise StorageFullError(
                    f"no space left for the store {name}.", "Free some space."
                ) from error
            raise GclbenchError(f"the store {name} failed: {text}.", self._remedy()) from error

    def _remedy(self) -> str:
        path = sqlite_file(self.url)
        if path is not None and not os.access(path.parent, os.W_OK) and has_log(path):
            return (
                f"A run that was killed left {path.name}-wal beside it, and the folder may not be "
                "written to: copy the folder, and name the copy by home=DIR."
            )
        return "Check that it can be reached and written to, or set store=URL."

    def damaged(self, why: str) -> DataMissingError:
        """The error for a store whose content is not what gclbench writes."""
        return DataMissingError(
            f"{shown(self.url)} is damaged or not a store of gclbench: {why}.",
            "Move it away, or name another by store=URL; artifacts do not depend on it.",
        )


def known_store(home: Path, chosen: str | None = None) -> RunStore | None:
    """Open the store of a results folder, or the one that was chosen; None where there is none.

    Raises DataMissingError where one cannot even look: the folder may not be entered, say.
    """
    if chosen is None and not _lies_there(home / STORE_FILE):
        return None
    return RunStore(store_url(home, chosen))


def _lies_there(file: Path) -> bool:
    with reading("the store", file, "Name another results folder: home=DIR."):
        try:
            file.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def now() -> str:
    """Return the time in UTC as ISO 8601 text with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _absent(url: str) -> bool:
    """Whether a store is a file that is not there yet. Raises UsageError for what is no file."""
    path = sqlite_file(url)
    if path is None:
        return False
    if path.is_dir():
        raise UsageError(f"the store {path} is a folder.", "Name a file: store=sqlite:///PATH.")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return True
    except OSError:
        return False  # opening it says what is wrong
    if not stat.S_ISREG(mode):  # a pipe would be waited for without end
        raise UsageError(f"the store {path} is no file.", "Name a file: store=sqlite:///PATH.")
    return False
