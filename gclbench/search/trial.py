"""One trial: its values become a plan, the plan's nodes run as ever, the scores are read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gclbench.errors import TrainingError
from gclbench.executors.events import Event, NodeMetric, NodeProgress, NodeStopped
from gclbench.plan import Node
from gclbench.plan.idle import idle_of
from gclbench.reporting.untrained import reasons
from gclbench.results.evaluations import read_evaluation
from gclbench.running.run import run_config
from gclbench.running.sound import make_sound
from gclbench.running.worker import run_node
from gclbench.schema import NodeRecord
from gclbench.search.tuning import Tuning
from gclbench.study.opened import OpenStudy
from gclbench.tracking import Reader, RunStore, TrackedRun

Report = Callable[[int, float], bool]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """What a trial found: a value per objective, and what is only reported beside it.

    Scores are in percent, `seconds` is training time. `notes` may hold test_mAP, test_R1,
    clusters, node (key of what was trained), seconds, reused.
    """

    values: Mapping[str, float]
    notes: Mapping[str, Any] = field(default_factory=dict)


Objective = Callable[[Tuning, Mapping[str, Any], Report], Measured]


def run_trial(tuning: Tuning, values: Mapping[str, Any], report: Report) -> Measured:
    """Train what is missing for these values, and evaluate it on the held-out identities.

    The same training is evaluated on the test set too, for the report: no sampler or pruner ever
    sees that score. `report(epoch, mAP)` hears the validation mAP of each epoch that is trained
    here and says whether to stop; NodeStopped is then raised, and the node's checkpoints stay.
    Raises DamagedResultError for a stored evaluation whose numbers cannot be, TrainingError where
    a stage took no step: its score would be another encoder's.
    """
    validation, test = (tuning.open(values, split) for split in ("validation", "test"))
    trained = _trained_node(validation)
    reused = validation.artifacts.has(trained)
    scores = _run(validation, _Listener(trained.key, report))
    if why := reasons(idle_of(validation.artifacts, scores)):
        raise TrainingError(f"{why}.", "Such values are no trial of anything.")
    tested = _run(test, _unheard)
    store = RunStore(validation.store_url)
    runs = Reader(store).runs(node_key=trained.key)
    seconds = _seconds(validation.artifacts.read(trained), runs)
    clusters = scores.metrics.get("clusters", _last_clusters(store, runs))
    store.close()
    notes: dict[str, Any] = {
        "node": trained.key,
        "reused": reused,
        "seconds": seconds,
        "test_mAP": tested.metrics["mAP"],
        "test_R1": tested.metrics["R1"],
        **({} if clusters is None else {"clusters": clusters}),
    }
    return Measured({"mAP": scores.metrics["mAP"], "seconds": seconds}, notes)


def _trained_node(opened: OpenStudy) -> Node:
    """What the cell's evaluation looks at: its last stage of training."""
    return opened.plan.node(opened.plan.chain(opened.cells[0])[-2])


def _run(opened: OpenStudy, sink: Callable[[Event], None]) -> NodeRecord:
    """Run the nodes of a study's one cell and return the record of its evaluation."""
    config = replace(run_config(opened), engine="tune")
    make_sound(opened, lambda node, text: _LOG.warning("%s: %s", node.label, text))
    for node in opened.needed():
        if not opened.artifacts.has(node):
            run_node(config, node, sink)
    evaluated = opened.plan.node(opened.plan.evaluate_key(opened.cells[0]))
    return read_evaluation(opened.artifacts, evaluated).record


def _unheard(event: Event) -> None:
    """Nobody listens."""


@dataclass
class _Listener:
    """Hears a node's mAP after every epoch and stops it when told to.

    It stops at the first step of the epoch that follows: by then the checkpoint of the reported
    one is written, and a trial that is taken up again loses nothing.
    """

    key: str
    report: Report
    stop: bool = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, NodeMetric) and (event.key, event.name) == (self.key, "mAP"):
            self.stop = self.report(event.step, event.value)
        elif self.stop and isinstance(event, NodeProgress):
            raise NodeStopped(f"pruned before epoch {event.epoch}")


def _seconds(record: NodeRecord, runs: list[TrackedRun]) -> float:
    """Training time in seconds: that of the run which finished, and of those that were killed.

    A killed run counts up to its last sign of life, so the epoch that it began counts twice.
    """
    return record.seconds + sum(_lasted(run) for run in runs if run.status != "COMPLETED")


def _lasted(run: TrackedRun) -> float:
    from datetime import datetime

    end = run.stopped or run.heartbeat
    if end is None:
        return 0.0
    return (datetime.fromisoformat(end) - datetime.fromisoformat(run.started)).total_seconds()


def _last_clusters(store: RunStore, runs: list[TrackedRun]) -> float | None:
    """The number of clusters in the last epoch that was tracked, or None."""
    reader = Reader(store)
    points = [point for run in runs for point in reader.metric(run.id, "clusters")]
    known = [point for point in points if point.value is not None]
    return max(known, key=lambda point: point.step).value if known else None
