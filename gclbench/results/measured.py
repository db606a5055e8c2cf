"""What is finished of an open study: scores, curves, records; what cannot be, and what was not
trained, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from gclbench.errors import DamagedResultError, GclbenchError
from gclbench.plan import Cell, Node
from gclbench.plan.idle import idle_of
from gclbench.reporting.damaged import Damaged
from gclbench.reporting.untrained import Untrained
from gclbench.results.evaluations import (
    EPOCHS,
    METRICS,
    PER_QUERY,
    damage_of,
    read_arrays,
    read_epochs,
    read_evaluation,
)
from gclbench.schema import NodeRecord, Stage, Study
from gclbench.schema.record import Idle
from gclbench.study.opened import OpenStudy


@dataclass(frozen=True)
class Score:
    """One evaluated cell: metrics, the AP of every query (NaN: skipped), its node.

    mAP, ranks, AP and NMI in percent; N, the number of clusters, and NMI only after stage 3.
    `records` are those of the cell's stages, its evaluation last; of earlier ones those that are
    there and readable. `idle` are the stages of which epochs took no step.
    """

    metrics: Mapping[str, float]
    ap: np.ndarray
    node: str
    records: tuple[NodeRecord, ...] = ()
    idle: tuple[Idle, ...] = ()

    @property
    def untrained(self) -> bool:
        """Whether a stage that led to it took no step at all."""
        return any(stage.untrained for stage in self.idle)


Scores = dict[tuple[str, str], dict[int, Score]]
Curves = dict[tuple[str, str], dict[int, list[dict[str, float]]]]


class Measured:
    """The finished cells of an open study, as they are when they are first asked for.

    It reads artifacts, and never plans or runs.
    """

    def __init__(self, opened: OpenStudy) -> None:
        self.opened = opened
        self._artifacts = opened.artifacts
        self._known: dict[str, tuple[Scores, Scores, list[Damaged]]] = {}
        self._known_curves: dict[str, tuple[Curves, list[Damaged]]] = {}

    def scores(self, study: Study) -> Scores:
        """Finished cells of a study: (row key, task name) -> seed -> score.

        Without those of `damaged` and `untrained`.
        """
        return self._read(study.study)[0]

    def untrained(self, study: Study) -> Scores:
        """Cells of which a stage took no step: their numbers are another encoder's."""
        return self._read(study.study)[1]

    def idle(self, study: Study) -> list[Untrained]:
        """Cells of which epochs took no step, some or all: what tables say of them."""
        both = (self.untrained(study), self.scores(study))
        return [
            Untrained(row, task, seed, score.idle, score.metrics if score.untrained else {})
            for scores in both
            for (row, task), by_seed in scores.items()
            for seed, score in sorted(by_seed.items())
            if score.idle
        ]

    def damaged(self, study: Study) -> list[Damaged]:
        """Finished evaluations of a study whose numbers cannot be."""
        return self._read(study.study)[2]

    def _read(self, study: str) -> tuple[Scores, Scores, list[Damaged]]:
        if study not in self._known:
            self._known[study] = self._sorted(study)
        return self._known[study]

    def _sorted(self, study: str) -> tuple[Scores, Scores, list[Damaged]]:
        scores: Scores = {}
        untrained: Scores = {}
        damaged = []
        for cell, node in self._evaluated(study):
            try:
                score = replace(self._score(node), records=self._records(cell))
            except DamagedResultError:
                damaged.append(damage_of(cell, node))
            else:
                kept = untrained if score.untrained else scores
                kept.setdefault((cell.row.key, cell.task.name), {})[cell.seed] = score
        return scores, untrained, damaged

    def _evaluated(self, study: str) -> Iterator[tuple[Cell, Node]]:
        plan = self.opened.plan
        for cell in self.opened.cells_of(study):
            node = plan.node(plan.evaluate_key(cell))
            if self._artifacts.has(node):
                yield cell, node

    def _score(self, node: Node) -> Score:
        found = read_evaluation(self._artifacts, node)
        known = found.record.metrics
        metrics = {name: known[name] for name in METRICS}
        if {"clusters", "nmi"} <= known.keys():  # stages that end with labels of their own
            metrics |= {"N": known["clusters"], "NMI": 100.0 * known["nmi"]}
        idle = idle_of(self._artifacts, found.record)
        return Score(metrics, 100.0 * found.ap, node.key, idle=idle)

    def _records(self, cell: Cell) -> tuple[NodeRecord, ...]:
        found = []
        for node in map(self.opened.plan.node, self.opened.plan.chain(cell)):
            with suppress(GclbenchError):  # one that is not there, or damaged, has nothing to say
                found.append(self._artifacts.read(node))
        return tuple(found)

    def arrays(self, key: str) -> Mapping[str, np.ndarray]:
        """What an evaluation kept of each query. Raises DamagedResultError."""
        node = self.opened.plan.node(key)
        return read_arrays(node, self._artifacts.sound(node, (PER_QUERY,)) / PER_QUERY)

    def curves(self, study: Study) -> Curves:
        """Metrics of each epoch of stage 3: (row key, task name) -> seed -> epochs.

        `damaged_curves` are left out, and those behind a stage that took no step.
        """
        return self._read_curves(study.study)[0]

    def damaged_curves(self, study: Study) -> list[Damaged]:
        """Stages 3 of a study of which an epoch's numbers cannot be."""
        return self._read_curves(study.study)[1]

    def _read_curves(self, study: str) -> tuple[Curves, list[Damaged]]:
        if study not in self._known_curves:
            self._known_curves[study] = self._sorted_curves(study)
        return self._known_curves[study]

    def _sorted_curves(self, study: str) -> tuple[Curves, list[Damaged]]:
        curves: Curves = {}
        damaged = []
        for cell, node in self._trained(study):
            try:
                epochs = read_epochs(self._artifacts, node)
            except DamagedResultError:
                damaged.append(damage_of(cell, node))
                continue
            if not self._took_no_step(node):
                curves.setdefault((cell.row.key, cell.task.name), {})[cell.seed] = epochs
        return curves, damaged

    def _took_no_step(self, node: Node) -> bool:
        with suppress(GclbenchError):  # one that is damaged has nothing to say
            record = self._artifacts.read(node)
            return any(stage.untrained for stage in idle_of(self._artifacts, record))
        return False

    def _trained(self, study: str) -> Iterator[tuple[Cell, Node]]:
        for cell in self.opened.cells_of(study):
            for node in map(self.opened.plan.node, self.opened.plan.chain(cell)):
                if node.stage is Stage.JOINT and self._has_curve(node):
                    yield cell, node

    def _has_curve(self, node: Node) -> bool:
        if not self._artifacts.has(node):
            return False
        with suppress(DamagedResultError):
            return EPOCHS in self._artifacts.read(node).files
        return True  # reading it says what is wrong
