"""Differences between groups of queries: value, interval, seeds, errors."""

from __future__ import annotations

import numpy as np
import pytest

from gclbench.errors import ShapeError, UsageError
from gclbench.stats import group_difference


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_mean_is_the_difference_of_means_without_skipped_queries() -> None:
    found = group_difference([[60.0, np.nan, 80.0]], [[10.0, 20.0, 30.0, 40.0]], rng())
    assert found.mean == pytest.approx(70 - 25)
    assert found.low < found.mean < found.high


def test_the_interval_is_that_of_two_independent_means() -> None:
    """Large groups: half its width is 1.96 standard errors, of both groups together."""
    a, b = rng(1).normal(50, 10, 900), rng(2).normal(45, 20, 400)
    found = group_difference([a], [b], rng())
    half = 1.96 * np.hypot(10 / 30, 20 / 20)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)
    assert found.p_value < 0.001


def test_one_draw_of_seeds_serves_both_groups() -> None:
    """A seed that lifts both groups alike says nothing about their difference."""
    a = [np.full(30, 50.0 + lift) for lift in (0, 20, 40)]
    b = [np.full(20, 45.0 + lift) for lift in (0, 20, 40)]
    found = group_difference(a, b, rng())
    assert (found.low, found.mean, found.high) == pytest.approx((5, 5, 5))


def test_equal_groups_do_not_differ() -> None:
    found = group_difference([[1.0, 2.0, 3.0]], [[3.0, 1.0, 2.0]], rng())
    assert found.mean == 0
    assert found.low < 0 < found.high
    assert found.p_value == 1


def test_one_generator_repeats_and_another_differs() -> None:
    groups = [rng(1).normal(0, 1, 20)], [rng(2).normal(0, 1, 25)]
    one, again, other = (group_difference(*groups, rng(seed)) for seed in (5, 5, 6))
    assert one == again != other


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([], [], "0 and 0 seeds"),
        ([[1.0]], [[1.0], [2.0]], "1 and 2 seeds"),
        ([[np.nan]], [[1.0]], "no query"),
        ([[1.0], [1.0, 2.0]], [[1.0], [1.0]], "shapes"),
    ],
)
def test_groups_that_do_not_fit_are_an_error(a: list, b: list, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        group_difference(a, b, rng())


def test_confidence_is_a_share() -> None:
    with pytest.raises(UsageError, match="confidence"):
        group_difference([[1.0]], [[1.0]], rng(), confidence=95)
