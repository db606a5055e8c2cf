from __future__ import annotations

import itertools

import numpy as np
import pytest

from gclbench.errors import ShapeError
from gclbench.stats import paired_difference


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_mean_is_left_minus_right() -> None:
    result = paired_difference([[0.5, 0.9], [0.6, 0.8]], [[0.4, 0.4], [0.6, 0.7]], _rng())
    assert result.mean == pytest.approx((0.1 + 0.5 + 0.0 + 0.1) / 4)
    assert result.low <= result.mean <= result.high


def test_swapping_the_rows_mirrors_the_interval() -> None:
    a, b = [_rng(1).random(50)], [_rng(2).random(50)]
    forth, back = paired_difference(a, b, _rng()), paired_difference(b, a, _rng())
    assert forth.mean == pytest.approx(-back.mean)
    assert forth.low == pytest.approx(-back.high)
    assert forth.high == pytest.approx(-back.low)


def test_interval_with_one_seed_is_that_of_a_mean_over_queries() -> None:
    noise = _rng(3).normal(0.02, 0.1, 900)
    base = _rng(4).random(900)
    result = paired_difference([base + noise], [base], _rng())
    expected = 1.96 * noise.std() / 30
    assert (result.high - result.low) / 2 == pytest.approx(expected, rel=0.1)


def test_seeds_that_disagree_widen_the_interval() -> None:
    zero = np.zeros(200)
    agree = paired_difference([zero + 0.02] * 3, [zero] * 3, _rng())
    disagree = paired_difference([zero - 0.04, zero + 0.02, zero + 0.08], [zero] * 3, _rng())
    assert agree.mean == pytest.approx(disagree.mean)
    assert (agree.low, agree.high) == pytest.approx((0.02, 0.02))
    assert disagree.low < 0 < disagree.high


def test_seeds_share_the_drawn_queries() -> None:
    # Every seed sees the same differences, so more seeds must not narrow the interval.
    differences = _rng(3).normal(0, 0.1, 300)
    one = paired_difference([differences], [np.zeros(300)], _rng())
    many = paired_difference([differences] * 5, [np.zeros(300)] * 5, _rng())
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.1)


def test_p_value_is_that_of_all_sign_patterns() -> None:
    differences = np.array([0.3, -0.1, 0.2, 0.4, 0.1])
    exact = np.mean(
        [
            abs(np.dot(signs, differences)) >= abs(differences.sum()) - 1e-12
            for signs in itertools.product((-1, 1), repeat=5)
        ]
    )
    result = paired_difference([differences], [np.zeros(5)], _rng(), resamples=20_000)
    assert result.p_value == pytest.approx(exact, abs=0.01)


def test_equal_rows_have_no_difference_and_p_one() -> None:
    result = paired_difference([[0.1, 0.7]], [[0.1, 0.7]], _rng())
    assert (result.mean, result.low, result.high, result.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_clear_gain_has_the_smallest_possible_p_value() -> None:
    result = paired_difference([np.full(60, 0.9)], [np.full(60, 0.1)], _rng(), resamples=999)
    assert result.p_value == pytest.approx(0.001)


def test_skipped_queries_are_left_out() -> None:
    nan = float("nan")
    result = paired_difference([[0.5, nan, 0.7]], [[0.4, nan, 0.5]], _rng())
    assert result.mean == pytest.approx(0.15)


def test_a_query_that_one_of_two_seeds_lacks_is_left_out_of_both() -> None:
    """Kept are the first and the last query: (0.1 + 0.3 + 0.5 + 0.7) / 4 in the mean."""
    nan = float("nan")
    a = [[0.3, nan, 0.9, 0.6], [0.7, 0.8, nan, 0.9]]
    b = [[0.2, 0.1, 0.1, 0.3], [0.2, 0.1, 0.1, 0.2]]
    result = paired_difference(a, b, _rng())
    assert result.mean == pytest.approx(0.4)
    assert 0.1 - 1e-9 <= result.low <= 0.4 <= result.high <= 0.7 + 1e-9
    assert 0.0 < result.p_value <= 1.0


def test_same_generator_repeats_and_another_differs() -> None:
    a, b = [_rng(1).random(40)], [_rng(2).random(40)]
    one, same, other = (paired_difference(a, b, _rng(seed)) for seed in (5, 5, 6))
    assert one == same
    assert one.low != other.low


def test_unequal_seeds_or_queries_are_refused() -> None:
    with pytest.raises(ShapeError, match="1 and 2 seeds"):
        paired_difference([[0.1]], [[0.1], [0.2]], _rng())
    with pytest.raises(ShapeError, match="seed number 1"):
        paired_difference([[0.1], [0.1, 0.2]], [[0.1], [0.1, 0.2]], _rng())
    with pytest.raises(ShapeError, match="no query"):
        paired_difference([[float("nan")]], [[0.1]], _rng())
