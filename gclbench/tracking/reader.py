"""Read tracked runs back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from gclbench.errors import UnknownNameError
from gclbench.schema import RunStatus
from gclbench.tracking.store import RunStore
from gclbench.tracking.tables import ARTIFACTS, METRICS, RUNS


@dataclass(frozen=True)
class TrackedRun:
    """One run of a node, as it was stored; times are ISO 8601 in UTC."""

    id: str
    node_key: str
    stage: str
    label: str
    seed: int
    status: RunStatus
    started: str
    heartbeat: str | None
    stopped: str | None
    config: dict[str, Any]
    host: dict[str, str]
    versions: dict[str, str]
    git: dict[str, str]
    result: dict[str, float]
    error: str | None
    output: str | None


@dataclass(frozen=True)
class Point:
    """A stored value of a metric; None where it was not a finite number."""

    step: int
    value: float | None


class Reader:
    """Answers questions about the runs of a store."""

    def __init__(self, store: RunStore) -> None:
        self.store = store

    def run(self, run_id: str) -> TrackedRun:
        """Return one run. Raises UnknownNameError."""
        found = self._select(RUNS.c.id == run_id)
        if not found:
            raise UnknownNameError("run", run_id, ())
        return found[0]

    def runs(
        self, *, node_key: str | None = None, status: RunStatus | None = None
    ) -> list[TrackedRun]:
        """Return runs, oldest first; None means any."""
        conditions = []
        if node_key is not None:
            conditions.append(RUNS.c.node_key == node_key)
        if status is not None:
            conditions.append(RUNS.c.status == status)
        return self._select(*conditions)

    def metric_names(self, run_id: str) -> list[str]:
        question = select(METRICS.c.name).where(METRICS.c.run_id == run_id).distinct()
        with self.store.transaction() as connection:
            return sorted(connection.scalars(question))

    def metric(self, run_id: str, name: str) -> list[Point]:
        """Return the values of a metric by step; of a step logged twice, both, in that order."""
        question = (
            select(METRICS.c.step, METRICS.c.value)
            .where(METRICS.c.run_id == run_id, METRICS.c.name == name)
            .order_by(METRICS.c.step, METRICS.c.id)
        )
        with self.store.transaction() as connection:
            return [Point(*row) for row in connection.execute(question)]

    def artifacts(self, run_id: str) -> dict[str, str]:
        """Return the SHA-256 of each file of the run's artifact by name."""
        question = select(ARTIFACTS.c.name, ARTIFACTS.c.sha256).where(ARTIFACTS.c.run_id == run_id)
        with self.store.transaction() as connection:
            return {row[0]: row[1] for row in connection.execute(question.order_by("name"))}

    def _select(self, *conditions: Any) -> list[TrackedRun]:
        question = select(RUNS).where(*conditions).order_by(RUNS.c.started, RUNS.c.id)
        with self.store.transaction() as connection:
            return [_tracked_run(row._mapping) for row in connection.execute(question)]


def _tracked_run(row: Any) -> TrackedRun:
    return TrackedRun(
        **{name: row[name] for name in ("id", "node_key", "stage", "label", "seed", "started")},
        **{name: row[name] for name in ("heartbeat", "stopped", "error", "output")},
        status=RunStatus(row["status"]),
        config=json.loads(row["config_json"]),
        host=json.loads(row["host_json"]),
        versions=json.loads(row["versions_json"]),
        git=json.loads(row["git_json"]),
        result=json.loads(row["result_json"] or "{}"),
    )
