"""From scores per seed to the cells of a table: mean, standard deviation, interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gclbench.reporting.computed import computed_on
from gclbench.reporting.table import Cell
from gclbench.schema import NodeRecord
from gclbench.seeding import numpy_generator
from gclbench.stats import summarise


class SeedScore(Protocol):
    """One evaluated run: metrics in percent, AP per query in percent (NaN: skipped), node key.

    `records` are those of the stages that led to it, as far as they are there.
    """

    @property
    def metrics(self) -> Mapping[str, float]: ...

    @property
    def ap(self) -> NDArray[np.float64]: ...

    @property
    def node(self) -> str: ...

    @property
    def records(self) -> Sequence[NodeRecord]: ...


def aggregate(
    scores: Mapping[tuple[str, str], Mapping[int, SeedScore]],
    metrics: Sequence[str],
    data: Mapping[str, str],
) -> dict[tuple[str, str, str], Cell]:
    """Return (row key, task name, metric) -> Cell, for the metrics that every seed has.

    With several seeds the interval is Student's over seeds. With one seed only mAP has one, by
    bootstrap over queries: it says how much the choice of queries matters, nothing of training.
    Resampling is seeded by row and task, so a report repeats to the last digit.
    """
    return {
        (row, task, metric): _cell(
            by_seed, metric, data.get(task, ""), numpy_generator(0, "report", row, task)
        )
        for (row, task), by_seed in scores.items()
        for metric in metrics
        if by_seed and all(metric in score.metrics for score in by_seed.values())
    }


def _cell(
    by_seed: Mapping[int, SeedScore], metric: str, data: str, rng: np.random.Generator
) -> Cell:
    ordered = [by_seed[seed] for seed in sorted(by_seed)]
    values = np.array([score.metrics[metric] for score in ordered])
    per_query = ordered[0].ap if len(ordered) == 1 and metric == "mAP" else None
    summary = summarise(values, query_scores=per_query, rng=rng)
    return Cell(
        mean=summary.mean,
        std=_known(summary.std),
        low=_known(summary.low),
        high=_known(summary.high),
        n_seeds=len(ordered),
        node=";".join(score.node for score in ordered),
        data=data,
        seeds=tuple(sorted(by_seed)),
        computed=tuple(computed_on(score.records) for score in ordered),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
