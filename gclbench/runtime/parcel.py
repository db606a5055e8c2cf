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
from gclbench.study.measured_so_far import measured_so_far
from gclbench.tracking.records import add_records, read_records, write_records
from gclbench.tracking.store import RunStore

if TYPE_CHECKING:
    from gclbench.study.opened import OpenStudy


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


def export_study(opened: OpenStudy, out: Path) -> Sent:
    """Write what is finished of an open study's cells into a parcel.

    Raises UsageError for a name that is no parcel's, DataMissingError when nothing is finished,
    GclbenchError for an artifact that is damaged.
    """
    check_suffix(out)
    finished = [node for node in opened.plan.nodes if opened.artifacts.has(node)]
    if not finished:
        raise DataMissingError(
            f"nothing of {', '.join(opened.question.studies)} is finished in "
            f"{opened.question.home} with these settings.{_so_far(opened)}",
            "Run it first, by the same words.",
        )
    store = RunStore(opened.store_url)
    keys = [node.key for node in finished]
    records = write_records(store, keys, _requests(opened, store))
    store.close()
    pack(out, opened.artifacts, finished, records)
    return Sent(len(opened.plan.nodes), len(finished), out.stat().st_size / 1e6)


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


def _so_far(opened: OpenStudy) -> str:
    question = opened.question
    return measured_so_far(question.home, question.store, question.studies)


def _requests(opened: OpenStudy, store: RunStore) -> Iterator[dict[str, Any]]:
    """The cells that were asked for, and those that are finished all the same."""
    profile, overrides = opened.question.profile, dict(opened.question.overrides)
    asked = {
        (name, cell.row, cell.task, cell.seed)
        for name in opened.question.studies
        for cell in store.requests(name, profile, overrides)
    }
    for cell in opened.cells:
        node = opened.plan.node(opened.plan.evaluate_key(cell))
        known = (cell.study, cell.row.key, cell.task.name, cell.seed) in asked
        if known or opened.artifacts.has(node):
            place = {"row": cell.row.key, "task": cell.task.name, "seed": cell.seed}
            what = {"study": cell.study, "profile": profile, "overrides": overrides}
            yield {**what, **place, "node_key": node.key}
