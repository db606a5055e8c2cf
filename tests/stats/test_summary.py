from __future__ import annotations

import math

import numpy as np
import pytest

from gclbench.errors import ShapeError, UsageError
from gclbench.stats import summarise


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_three_seeds_give_the_textbook_t_interval() -> None:
    # mean 62, sample variance ((-2)^2 + 1 + 1) / 2 = 3, t(0.975, 2) = 4.302653
    summary = summarise([60.0, 63.0, 63.0])
    half = 4.302653 * math.sqrt(3) / math.sqrt(3)
    assert summary.mean == pytest.approx(62.0)
    assert summary.std == pytest.approx(math.sqrt(3))
    assert (summary.low, summary.high) == pytest.approx((62 - half, 62 + half), abs=1e-5)
    assert summary.n == 3


def test_equal_seeds_have_an_interval_without_width() -> None:
    summary = summarise([41.0, 41.0])
    assert (summary.low, summary.high, summary.std) == (41.0, 41.0, 0.0)


def test_lower_confidence_gives_a_narrower_interval() -> None:
    wide, narrow = (summarise([1.0, 2.0, 4.0], confidence=c) for c in (0.95, 0.8))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_one_seed_alone_has_no_interval() -> None:
    summary = summarise([60.0])
    assert summary.mean == 60.0
    assert math.isnan(summary.std)
    assert math.isnan(summary.low)


def test_one_seed_with_queries_gives_the_bootstrap_spread_of_their_mean() -> None:
    queries = np.append(_rng(1).normal(50, 10, 400), np.nan)
    summary = summarise([50.3], queries, rng=_rng())
    expected = 1.96 * np.nanstd(queries) / math.sqrt(400)
    assert (summary.high - summary.low) / 2 == pytest.approx(expected, rel=0.1)
    assert summary.low < np.nanmean(queries) < summary.high
    assert math.isnan(summary.std)


def test_one_seed_with_queries_and_no_generator_gives_the_t_interval_of_their_mean() -> None:
    queries = [40.0, 50.0, 60.0, float("nan")]
    summary = summarise([50.0], queries)
    half = 4.302653 * 10 / math.sqrt(3)
    assert (summary.low, summary.high) == pytest.approx((50 - half, 50 + half), abs=1e-4)


def test_bootstrap_repeats_under_one_generator_and_differs_under_another() -> None:
    queries = _rng(1).normal(50, 10, 30)
    one, same, other = (summarise([50.0], queries, rng=_rng(seed)) for seed in (3, 3, 4))
    assert one.low == same.low
    assert one.low != other.low


def test_several_seeds_take_no_notice_of_queries() -> None:
    assert summarise([1.0, 2.0], [3.0, 4.0], rng=_rng()) == summarise([1.0, 2.0])


@pytest.mark.parametrize("scores", [[], [[1.0, 2.0]]])
def test_scores_must_be_one_number_per_seed(scores: list[object]) -> None:
    with pytest.raises(ShapeError, match="seeds"):
        summarise(scores)


def test_missing_scores_and_wrong_confidence_are_refused() -> None:
    with pytest.raises(UsageError, match="not finite"):
        summarise([1.0, float("nan")])
    with pytest.raises(UsageError, match="confidence"):
        summarise([1.0, 2.0], confidence=1.0)
    with pytest.raises(ShapeError, match="query scores"):
        summarise([1.0], [[1.0], [2.0]], rng=_rng())
    with pytest.raises(ShapeError, match="too few"):
        summarise([1.0], [float("nan")], rng=_rng())
