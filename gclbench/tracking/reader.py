"""Read tracked runs back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from gclbench.errors import UnknownNameError
from gclbench.schema import RunStatus
from gclbench.tracking.store import RunStore
from gclbench.tracking.tables import ARTIFACTS, METRICS, RUNS, columns_at

_OBJECTS = ("config", "host", "versions", "git", "result", "packages")


@dataclass(frozen=True)
class TrackedRun:
    """One run of a node, as it was stored; times are ISO 8601 in UTC.

    `seconds` and `peak_memory_mb` are known when it has ended. What a store did not know when the
    run was made is None or empty; the words are those of `gclbench.schema.Conditions`.
    """

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
    cpu_model: str | None = None
    instruction_set: str | None = None
    threads: int | None = None
    device: str | None = None
    engine: str | None = None
    attempt: int | None = None
    packages: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: float | None = None
    peak_memory_mb: float | None = None


@dataclass(frozen=True)
class Point:
    """A stored value of a metric; it may be infinite, and is None where it was not a number."""

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
        return sorted(row[0] for row in self.store.rows(question))

    def metric(self, run_id: str, name: str) -> list[Point]:
        """Return the values of a metric by step; of a step logged twice, both, in that order."""
        question = (
            select(METRICS.c.step, METRICS.c.value)
            .where(METRICS.c.run_id == run_id, METRICS.c.name == name)
            .order_by(METRICS.c.step, METRICS.c.id)
        )
        return [Point(*row) for row in self.store.rows(question)]

    def artifacts(self, run_id: str) -> dict[str, str]:
        """Return the SHA-256 of each file of the run's artifact by name."""
        question = select(ARTIFACTS.c.name, ARTIFACTS.c.sha256).where(ARTIFACTS.c.run_id == run_id)
        return {row[0]: row[1] for row in self.store.rows(question.order_by("name"))}

    def _select(self, *conditions: Any) -> list[TrackedRun]:
        columns = columns_at(RUNS, self.store.version or 1)
        question = select(*columns).where(*conditions).order_by(RUNS.c.started, RUNS.c.id)
        return [self._run(dict(row._mapping)) for row in self.store.rows(question)]

    def _run(self, row: dict[str, Any]) -> TrackedRun:
        if row["status"] not in list(RunStatus):
            raise self.store.damaged("a run has no status that there is")
        known: dict[str, Any] = {**row, "status": RunStatus(row["status"])}
        for name in _OBJECTS:
            known[name] = self.store.unpack(known.pop(f"{name}_json", None))
        return TrackedRun(**known)
