"""Carry a study to another home or machine: its artifacts, their runs, and what was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gclbench.errors import DataMissingError
from gclbench.plan import ArtifactStore
from gclbench.plan.parcel import check_suffix, pack
from gclbench.plan.unpack import Arrival, unpacked
from gclbench.schema import NodeRecord
from gclbench.tracking.records import add_records, read_records, write_records
from gclbench.tracking.store import RunStore

if TYPE_CHECKING:
    from gclbench.runtime.session import Session


@dataclass(frozen=True)
class Sent:
    """What a parcel holds: finished stage runs of those that the cells ask for."""

    nodes: int
    finished: int
    size_mb: float


@dataclass(frozen=True)
class Received:
    """What became of each artifact of a parcel, and how many runs were new."""

    artifacts: tuple[tuple[NodeRecord, Arrival], ...]
    runs: int

    def count(self, arrival: Arrival) -> int:
        return sum(found is arrival for _, found in self.artifacts)


def export_session(session: Session, out: Path) -> Sent:
    """Write what is finished of a session's cells into a parcel.

    Raises UsageError for a name that is no parcel's, DataMissingError when nothing is finished,
    GclbenchError for an artifact that is damaged.
    """
    check_suffix(out)
    finished = [node for node in session.plan.nodes if session.artifacts.has(node)]
    if not finished:
        raise DataMissingError(
            f"nothing of {', '.join(session.request.studies)} is finished in "
            f"{session.request.home} with these settings.",
            "Run it first, by the same words.",
        )
    store = RunStore(session.store_url)
    keys = [node.key for node in finished]
    records = write_records(store, keys, _requests(session, store))
    store.close()
    pack(out, session.artifacts, finished, records)
    return Sent(len(session.plan.nodes), len(finished), out.stat().st_size / 1e6)


def import_parcel(path: Path, home: Path, store_url: str) -> Received:
    """Take what a parcel holds; artifacts that are here stay as they are, whatever comes.

    Everything is checked first. Raises DataMissingError for a parcel that is damaged, not whole or
    of a newer program, and for a store that cannot be read.
    """
    store, artifacts = RunStore(store_url), ArtifactStore(home)
    try:
        with unpacked(path, artifacts) as parcel:
            records = read_records(parcel.records)
            settled = parcel.settle(artifacts)
            return Received(tuple(settled), add_records(store, records))
    finally:
        store.close()


def _requests(session: Session, store: RunStore) -> Iterator[dict[str, Any]]:
    """The cells that were asked for, and those that are finished all the same."""
    profile, overrides = session.request.profile, dict(session.request.overrides)
    asked = {
        (name, cell.row, cell.task, cell.seed)
        for name in session.request.studies
        for cell in store.requests(name, profile, overrides)
    }
    for cell in session.cells:
        node = session.plan.node(session.plan.evaluate_key(cell))
        known = (cell.study, cell.row.key, cell.task.name, cell.seed) in asked
        if known or session.artifacts.has(node):
            place = {"row": cell.row.key, "task": cell.task.name, "seed": cell.seed}
            what = {"study": cell.study, "profile": profile, "overrides": overrides}
            yield {**what, **place, "node_key": node.key}
