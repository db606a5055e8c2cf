from __future__ import annotations

import numpy as np
import pytest

from gclbench.claims import Status, check_ordering


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _rows(gain: float, noise: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    base = [100 * _rng(seed).random(200) for seed in range(3)]
    better = [row + gain + noise * _rng(9 + s).normal(size=200) for s, row in enumerate(base)]
    return better, base


def test_a_clear_gain_is_supported_and_its_reverse_refuted() -> None:
    better, base = _rows(5.0, 5.0)
    verdict = check_ordering(better, base, _rng())
    assert verdict.status is Status.SUPPORTED
    assert verdict.holds is True
    assert check_ordering(base, better, _rng()).status is Status.REFUTED


def test_effect_and_interval_are_in_points() -> None:
    verdict = check_ordering(*_rows(5.0, 0.0), _rng())
    assert verdict.value == pytest.approx(5.0)
    assert verdict.interval == pytest.approx((5.0, 5.0))


def test_noise_about_zero_leaves_the_claim_undecided() -> None:
    verdict = check_ordering(*_rows(0.0, 20.0), _rng())
    assert verdict.status is Status.UNDECIDED
    assert verdict.low < 0 < verdict.high


def test_a_margin_must_be_exceeded() -> None:
    better, base = _rows(5.0, 0.0)
    assert check_ordering(better, base, _rng(), by_points=4.0).status is Status.SUPPORTED
    assert check_ordering(better, base, _rng(), by_points=6.0).status is Status.REFUTED


def test_equal_rows_refute_a_claim_of_more() -> None:
    _, base = _rows(0.0, 0.0)
    verdict = check_ordering(base, base, _rng())
    assert verdict.status is Status.REFUTED
    assert verdict.holds is False
