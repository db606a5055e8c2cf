"""A study's own criteria: conditions on the mAP of its rows over seeds and tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gclbench.claims.verdict import Verdict, judge
from gclbench.schema.study import Criterion
from gclbench.seeding import numpy_generator
from gclbench.stats import paired_difference, t_interval

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
METRIC = "mAP"
NAN = float("nan")
UNKNOWN = (NAN, NAN)


class Scored(Protocol):
    """One evaluated cell; `metrics` and `ap` (one for each query) are percentages 0-100."""

    @property
    def metrics(self) -> Mapping[str, float]: ...

    @property
    def ap(self) -> Floats: ...


Scores = Mapping[tuple[str, str], Mapping[int, Scored]]


def check(criterion: Criterion, scores: Scores) -> list[Verdict]:
    """Judge a criterion by measured scores: (row key, task name) -> seed -> score.

    `over: seeds`: the condition is asked of every task by itself, one verdict each. `over:
    seeds_and_tasks`: one verdict over both, from the seeds that every task has. A row with `minus`
    is compared seed by seed, on the seeds that both rows have.

    Interval  of a mean difference on one task: paired per query, bootstrap over seeds and queries
              (so it exists with one seed, where it says nothing of training); of any other mean:
              Student's t over seeds (tasks averaged first); of a median: the range of its values;
              a minimum is a plain fact about the runs and has no width.
    Tasks     those on which the row was measured. Where `minus` was not, or where no seed is
              shared, the verdict is undecided with value NaN and says so.
    """
    tasks = sorted(task for row, task in scores if row == criterion.row)
    others = {task for row, task in scores if row == criterion.minus}
    if not tasks or (criterion.minus is not None and not others.issuperset(tasks)):
        missing = criterion.row if not tasks else criterion.minus
        return [judge(NAN, UNKNOWN, None, None, f"{missing} is not measured")]
    columns = [_by_seed(criterion, scores, task) for task in tasks]
    if criterion.over == "seeds_and_tasks":
        shared = sorted(set.intersection(*(set(column) for column in columns)))
        values = np.array([[column[seed] for column in columns] for seed in shared])
        return [_judge(criterion, values, ", ".join(tasks), None)]
    return [
        _judge(
            criterion,
            np.array([[column[seed]] for seed in sorted(column)]),
            task,
            _paired(criterion, scores, task, sorted(column)),
        )
        for task, column in zip(tasks, columns, strict=True)
    ]


def _paired(
    criterion: Criterion, scores: Scores, task: str, seeds: list[int]
) -> tuple[float, float] | None:
    """The paired interval of a mean difference on one task; None for other criteria."""
    if criterion.minus is None or criterion.of != "mean" or not seeds:
        return None
    mine, other = scores[criterion.row, task], scores[criterion.minus, task]
    rng = numpy_generator(0, "criterion", criterion.row, criterion.minus, task)
    found = paired_difference(
        [mine[seed].ap for seed in seeds],
        [other[seed].ap for seed in seeds],
        rng,
        confidence=CONFIDENCE,
    )
    return found.low, found.high


def _by_seed(criterion: Criterion, scores: Scores, task: str) -> dict[int, float]:
    mine = scores[criterion.row, task]
    if criterion.minus is None:
        return {seed: score.metrics[METRIC] for seed, score in mine.items()}
    other = scores[criterion.minus, task]
    return {
        seed: score.metrics[METRIC] - other[seed].metrics[METRIC]
        for seed, score in mine.items()
        if seed in other
    }


def _judge(
    criterion: Criterion, values: Floats, where: str, paired: tuple[float, float] | None
) -> Verdict:
    """`values` (seeds, tasks) without gaps; `paired` is the interval to use, if there is one."""
    seeds, tasks = values.shape if values.size else (0, 0)
    if seeds == 0:
        return judge(NAN, UNKNOWN, None, None, f"{where}: no seed is shared")
    if criterion.of == "mean":
        value, by_seed = float(values.mean()), values.mean(axis=1)
        interval = t_interval(by_seed, CONFIDENCE) if seeds > 1 else UNKNOWN
        interval = interval if paired is None else paired
    elif criterion.of == "median":
        value = float(np.median(values))
        interval = (float(values.min()), float(values.max()))
    else:
        value = float(values.min())
        interval = (value, value)
    counted = f"{seeds} seed{'s' * (seeds != 1)}" + f" x {tasks} tasks" * (tasks > 1)
    detail = f"{where}: {criterion.of} of {counted}"
    return judge(value, interval, criterion.at_least, criterion.at_most, detail)
