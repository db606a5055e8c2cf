"""The schema of the store: runs, metrics, artifacts, requests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()


def _since(version: int) -> dict[str, int]:
    """Mark a column that older stores do not have (see `versions`); it must be nullable."""
    return {"since": version}


def columns_at(table: Table, version: int) -> list[Column[Any]]:
    """Return the columns that a table has in a store of a version."""
    return [column for column in table.columns if column.info.get("since", 1) <= version]


# Times are ISO 8601 in UTC; columns that end in `_json` hold JSON objects.
RUNS = Table(
    "runs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("node_key", String(64), nullable=False, index=True),
    Column("stage", String(32), nullable=False),
    Column("label", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),  # up to 2**32 - 1
    Column("status", String(16), nullable=False),
    Column("started", String(32), nullable=False),
    Column("heartbeat", String(32)),
    Column("stopped", String(32)),
    Column("config_json", Text, nullable=False),
    Column("host_json", Text, nullable=False),
    Column("versions_json", Text, nullable=False),
    Column("git_json", Text, nullable=False),
    Column("result_json", Text),
    Column("error", Text),
    Column("output", Text),
    Column("cpu_model", Text, info=_since(2)),
    Column("instruction_set", String(16), info=_since(2)),
    Column("threads", Integer, info=_since(2)),
    Column("device", Text, info=_since(2)),
    Column("engine", String(32), info=_since(2)),
    Column("attempt", Integer, info=_since(2)),
    Column("packages_json", Text, info=_since(2)),
    Column("seconds", Float, info=_since(2)),
    Column("peak_memory_mb", Float, info=_since(2)),
)

METRICS = Table(
    "metrics",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String(64), ForeignKey("runs.id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("step", Integer, nullable=False),
    Column("value", Float),  # NULL where the value was not a number
    Column("time", String(32), nullable=False),
    Index("metrics_of_run", "run_id", "name", "step"),
)

ARTIFACTS = Table(
    "artifacts",
    METADATA,
    Column("run_id", String(64), ForeignKey("runs.id"), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("sha256", String(64), nullable=False),
)

REQUESTS = Table(
    "requests",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("study", String(128), nullable=False),
    Column("profile", String(128), nullable=False),
    Column("overrides_json", Text, nullable=False),
    Column("overrides_sha256", String(64), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("row", String(128), nullable=False),
    Column("task", String(128), nullable=False),
    Column("node_key", String(64), nullable=False),
    Column("time", String(32), nullable=False),
    UniqueConstraint(
        "study", "profile", "overrides_sha256", "seed", "row", "task", name="one_request"
    ),
)
