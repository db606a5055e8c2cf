"""Runs and requests as text, to carry them from one store to another.

One JSON object a line: a head with the version of the store's tables, then a line for each run
(its columns, metrics and files) and for each cell that was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter
from sqlalchemy import Connection, insert, select

from gclbench.digest import canonical_json
from gclbench.errors import DataMissingError
from gclbench.schema import Model, RunStatus
from gclbench.tracking.engines import take_turns
from gclbench.tracking.store import RunStore
from gclbench.tracking.tables import ARTIFACTS, METRICS, RUNS, columns_at
from gclbench.tracking.versions import NEWEST

_T = TypeVar("_T")
_MANY = 300  # what one statement asks for
_JSON = "_json"
_Whole = Annotated[int, Field(ge=-(2**31), lt=2**31)]
_Seed = Annotated[int, Field(ge=0, lt=2**63)]


class _Head(Model):
    version: int


class _Point(Model):
    model_config = ConfigDict(ser_json_inf_nan="strings")  # JSON has no infinity

    name: str
    step: _Whole
    value: float | None
    time: str


class _Run(Model):
    """The columns of a run; those that end in `_json` are objects here, without the ending."""

    id: str = Field(max_length=64)
    node_key: str = Field(max_length=64)
    stage: str = Field(max_length=32)
    label: str
    seed: _Seed
    status: RunStatus
    started: str = Field(max_length=32)
    heartbeat: str | None = Field(None, max_length=32)
    stopped: str | None = Field(None, max_length=32)
    config: dict[str, Any]
    host: dict[str, Any]
    versions: dict[str, Any]
    git: dict[str, Any]
    result: dict[str, float]
    error: str | None = None
    output: str | None = None
    cpu_model: str | None = None
    instruction_set: str | None = Field(None, max_length=16)
    threads: _Whole | None = None
    device: str | None = None
    engine: str | None = Field(None, max_length=32)
    attempt: _Whole | None = None
    packages: dict[str, Any] = Field(default_factory=dict)
    seconds: float | None = None
    peak_memory_mb: float | None = None


class _RunLine(Model):
    kind: Literal["run"] = "run"
    run: _Run
    metrics: tuple[_Point, ...]
    files: dict[str, str]


class _Request(Model):
    study: str
    profile: str
    overrides: dict[str, Any]
    seed: _Seed
    row: str
    task: str
    node_key: str


class _RequestLine(Model):
    kind: Literal["request"] = "request"
    request: _Request


_LINE: TypeAdapter[_RunLine | _RequestLine] = TypeAdapter(
    Annotated[_RunLine | _RequestLine, Field(discriminator="kind")]
)


@dataclass(frozen=True)
class Records:
    """What `read_records` read and checked."""

    runs: tuple[_RunLine, ...]
    requests: tuple[_RequestLine, ...]


def write_records(
    store: RunStore, node_keys: Collection[str], requests: Iterable[Mapping[str, Any]]
) -> bytes:
    """Return the runs of nodes that have ended, with metrics and files, and the requests.

    Requests are those of `RunStore.remember`.
    """
    lines: list[Model] = [_Head(version=NEWEST)]
    for keys in _batches(sorted(node_keys)):
        lines += _runs_of(store, keys)
    lines += [_RequestLine(request=_Request(**request)) for request in requests]
    return b"".join(line.model_dump_json().encode() + b"\n" for line in lines)


def read_records(data: bytes) -> Records:
    """Check what `write_records` wrote. Raises DataMissingError for anything else."""
    head, *lines = data.rstrip(b"\n").split(b"\n")
    try:
        version = _Head.model_validate_json(head).version
        if version > NEWEST:
            raise DataMissingError(
                f"the runs are of version {version}, and this gclbench reads versions up to "
                f"{NEWEST}; nothing was imported.",
                "Use the gclbench that exported them, or a newer one.",
            )
        found = [_LINE.validate_json(line) for line in lines]
        for line in found:
            canonical_json(line.request.overrides if isinstance(line, _RequestLine) else {})
    except (TypeError, ValueError) as error:  # pydantic's own error is a ValueError
        raise DataMissingError(
            "the runs are not as gclbench writes them; nothing was imported.", "Export them again."
        ) from error
    return Records(
        tuple(line for line in found if isinstance(line, _RunLine)),
        tuple(line for line in found if isinstance(line, _RequestLine)),
    )


def add_records(store: RunStore, records: Records) -> int:
    """Add the runs that a store lacks, and the requests; return how many runs were new."""
    added = 0
    with store.transaction() as connection:
        take_turns(connection, "import")
        for lines in _batches(records.runs):
            question = select(RUNS.c.id).where(RUNS.c.id.in_([line.run.id for line in lines]))
            known = set(connection.scalars(question))
            new = {line.run.id: line for line in lines if line.run.id not in known}
            for line in new.values():
                _add_run(connection, line)
            added += len(new)
    if records.requests:
        store.remember(line.request.model_dump() for line in records.requests)
    return added


def _runs_of(store: RunStore, keys: Sequence[str]) -> Iterator[_RunLine]:
    ended = RUNS.c.node_key.in_(keys) & (RUNS.c.status != RunStatus.RUNNING)
    columns = columns_at(RUNS, store.version or 1)
    for row in store.rows(select(*columns).where(ended).order_by(RUNS.c.started, RUNS.c.id)):
        known = {
            name.removesuffix(_JSON): store.unpack(value) if name.endswith(_JSON) else value
            for name, value in row._mapping.items()
        }
        yield _RunLine(
            run=_Run(**known), metrics=_points(store, row.id), files=_files(store, row.id)
        )


def _points(store: RunStore, run_id: str) -> tuple[_Point, ...]:
    columns = (METRICS.c.name, METRICS.c.step, METRICS.c.value, METRICS.c.time)
    question = select(*columns).where(METRICS.c.run_id == run_id).order_by(METRICS.c.id)
    return tuple(_Point(**row._mapping) for row in store.rows(question))


def _files(store: RunStore, run_id: str) -> dict[str, str]:
    question = select(ARTIFACTS.c.name, ARTIFACTS.c.sha256).where(ARTIFACTS.c.run_id == run_id)
    return {row.name: row.sha256 for row in store.rows(question.order_by(ARTIFACTS.c.name))}


def _add_run(connection: Connection, line: _RunLine) -> None:
    known = line.run.model_dump(mode="json")
    for column in RUNS.columns:
        if column.name.endswith(_JSON):
            value = known.pop(column.name.removesuffix(_JSON))
            known[column.name] = json.dumps(value, sort_keys=True)
    connection.execute(insert(RUNS).values(**known))
    of_run = {"run_id": line.run.id}
    points = [{**of_run, **point.model_dump()} for point in line.metrics]
    files = [{**of_run, "name": name, "sha256": sha} for name, sha in line.files.items()]
    for table, rows in ((METRICS, points), (ARTIFACTS, files)):
        if rows:
            connection.execute(insert(table), rows)


def _batches(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _MANY):
        yield items[start : start + _MANY]
