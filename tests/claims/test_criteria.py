from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gclbench.claims import Status, Verdict
from gclbench.claims import check as check_each
from gclbench.schema import Criterion

NAN = float("nan")
TASKS = ("duke", "market")


def _scores(**rows: list[list[float]]) -> dict[tuple[str, str], dict[int, Any]]:
    """Each row a matrix (seeds, tasks); NaN where a cell gave no score."""
    found: dict[tuple[str, str], dict[int, Any]] = {}
    for row, matrix in rows.items():
        for seed, values in enumerate(matrix):
            for task, value in zip(TASKS, values, strict=False):
                if not math.isnan(value):
                    # Twenty queries around the mean, the same pattern for every row.
                    ap = value + np.linspace(-5.0, 5.0, 20)
                    score = SimpleNamespace(metrics={"mAP": value, "R1": 99.0}, ap=ap)
                    found.setdefault((row, task), {})[seed] = score
    return found


SCORES = _scores(
    oracle=[[60.0, 70.0], [64.0, 72.0], [62.0, 74.0]],
    none=[[58.0, 69.0], [60.0, 69.0], [61.0, 75.0]],
)


def check(criterion: Criterion, scores: Any) -> Verdict:
    """The one verdict, or the first task's (duke)."""
    return check_each(criterion, scores)[0]


def _criterion(**values: Any) -> Criterion:
    return Criterion(**{"name": "toy", "row": "oracle", **values})


def test_mean_over_seeds_is_judged_task_by_task() -> None:
    duke, market = check_each(_criterion(at_least=65.0), SCORES)
    assert (duke.value, market.value) == (pytest.approx(62.0), pytest.approx(72.0))
    assert (duke.holds, market.holds) == (False, True)
    assert duke.detail == "duke: mean of 3 seeds"


def test_a_mean_difference_on_one_task_is_paired_by_query() -> None:
    verdict = check(_criterion(minus="none", at_least=0.0), SCORES)
    # Differences 2, 4, 1: every query of a seed differs by the same, so only seeds spread.
    assert verdict.value == pytest.approx(7 / 3)
    assert verdict.interval == pytest.approx((1.0, 4.0))
    assert verdict.status is Status.SUPPORTED


def test_one_seed_of_a_difference_has_an_interval_over_queries() -> None:
    scores = _scores(oracle=[[60.0]], none=[[50.0]])
    scores["none", "duke"][0].ap = scores["none", "duke"][0].ap[::-1]
    verdict = check(_criterion(minus="none", at_least=0.0), scores)
    assert verdict.low < 10.0 < verdict.high
    assert verdict.status is Status.SUPPORTED


def test_mean_over_seeds_and_tasks_is_one_value() -> None:
    verdict = check(_criterion(over="seeds_and_tasks", at_least=60.0), SCORES)
    assert verdict.value == pytest.approx(67.0)
    assert verdict.holds is True


def test_minus_compares_seed_by_seed() -> None:
    verdict = check(_criterion(minus="none", over="seeds_and_tasks", at_least=0.0), SCORES)
    # differences 2, 1 / 4, 3 / 1, -1; by seed 1.5, 3.5, 0
    assert verdict.value == pytest.approx(10 / 6)
    half = 4.302653 * math.sqrt(((1.5 - 5 / 3) ** 2 + (3.5 - 5 / 3) ** 2 + (5 / 3) ** 2) / 2 / 3)
    assert verdict.interval == pytest.approx((10 / 6 - half, 10 / 6 + half), abs=1e-4)
    assert verdict.status is Status.UNDECIDED
    assert verdict.holds is True


def test_interval_inside_supports_and_outside_refutes() -> None:
    assert check(_criterion(at_least=40.0), SCORES).status is Status.SUPPORTED
    assert check(_criterion(at_least=90.0), SCORES).status is Status.REFUTED
    assert check(_criterion(at_most=20.0), SCORES).status is Status.REFUTED
    assert check(_criterion(at_least=30.0, at_most=90.0), SCORES).status is Status.SUPPORTED


def test_bounds_themselves_are_allowed() -> None:
    verdict = check(_criterion(of="min", at_least=60.0), SCORES)
    assert verdict.status is Status.SUPPORTED
    assert verdict.holds is True


def test_minimum_is_decided_by_the_worst_run() -> None:
    verdict = check(_criterion(of="min", over="seeds_and_tasks", at_least=60.5), SCORES)
    assert verdict.value == 60.0
    assert verdict.status is Status.REFUTED


def test_median_has_the_range_of_its_values() -> None:
    verdict = check_each(_criterion(of="median", minus="none", at_least=0.5), SCORES)[1]
    assert verdict.value == 1.0  # market: 1, 3, -1
    assert verdict.interval == (-1.0, 3.0)
    assert verdict.status is Status.UNDECIDED


def test_one_seed_gives_a_value_without_interval() -> None:
    verdict = check(_criterion(at_least=50.0), _scores(oracle=[[60.0]]))
    assert verdict.holds is True
    assert verdict.status is Status.UNDECIDED
    assert math.isnan(verdict.low)


def test_unmeasured_rows_are_named_and_leave_it_undecided() -> None:
    verdict = check(_criterion(minus="absent", at_least=0.0), SCORES)
    assert verdict.status is Status.UNDECIDED
    assert verdict.holds is None
    assert verdict.detail == "absent is not measured"
    assert check(_criterion(at_least=0.0), {}).detail == "oracle is not measured"


def test_a_task_that_only_one_row_has_leaves_it_undecided() -> None:
    scores = _scores(oracle=[[60.0, 70.0]], none=[[58.0]])
    assert check(_criterion(minus="none", at_least=0.0), scores).holds is None


def test_seeds_without_a_score_are_left_out() -> None:
    verdict = check(_criterion(at_least=1.0), _scores(oracle=[[60.0], [NAN], [64.0]]))
    assert verdict.value == pytest.approx(62.0)
    assert verdict.detail == "duke: mean of 2 seeds"


def test_over_seeds_and_tasks_counts_the_seeds_that_every_task_has() -> None:
    scores = _scores(oracle=[[60.0, 70.0], [64.0, NAN], [NAN, 74.0]])
    verdict = check(_criterion(over="seeds_and_tasks", at_least=60.0), scores)
    assert verdict.value == pytest.approx(65.0)
    assert verdict.detail == "duke, market: mean of 1 seed x 2 tasks"


def test_only_shared_seeds_are_compared() -> None:
    scores = _scores(oracle=[[60.0], [70.0]], none=[[50.0], [NAN], [1.0]])
    verdict = check(_criterion(minus="none", at_least=0.0), scores)
    assert verdict.value == pytest.approx(10.0)
    apart = _scores(oracle=[[60.0], [NAN]], none=[[NAN], [50.0]])
    assert check(_criterion(minus="none"), apart).detail == "duke: no seed is shared"
