"""A mean over seeds with its spread and its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from gclbench.errors import ShapeError, UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation over seeds (n - 1; NaN for one seed), interval, number of seeds."""

    mean: float
    std: float
    low: float
    high: float
    n: int


def summarise(
    scores: ArrayLike,
    query_scores: ArrayLike | None = None,
    *,
    rng: np.random.Generator | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> Summary:
    """Summarise one score per seed.

    Two or more seeds: Student's t interval of the mean over seeds. It speaks about new seeds on
    the same queries. One seed: interval of the mean over `query_scores` (Q,), by percentile
    bootstrap when `rng` is given, else Student's t; it speaks about new queries under the same
    seed. One seed alone: low and high are NaN.

    Shapes    scores (seeds,), query_scores (Q,) in the unit of scores, NaN = skipped query.
    Raises    ShapeError for another shape or no seed, UsageError for a score that is not finite
              or a confidence outside (0, 1).
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ShapeError(f"scores have shape {values.shape}, expected (seeds,) with a seed.")
    if not np.isfinite(values).all():
        raise UsageError("a score is not finite.", "Leave seeds out that gave no score.")
    check_confidence(confidence)
    n, mean = len(values), float(values.mean())
    if n > 1:
        low, high = t_interval(values, confidence)
        return Summary(mean, float(values.std(ddof=1)), low, high, n)
    if query_scores is None:
        return Summary(mean, float("nan"), float("nan"), float("nan"), n)
    low, high = _query_interval(query_scores, rng, confidence, resamples)
    return Summary(mean, float("nan"), low, high, n)


def t_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Return Student's interval of the mean of at least two values."""
    half = stats.t.ppf(0.5 + confidence / 2, len(values) - 1) * stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)


def check_confidence(confidence: float) -> None:
    """Raise UsageError unless 0 < confidence < 1."""
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence}, it must lie between 0 and 1.")


def percentiles(draws: Floats, confidence: float) -> tuple[float, float]:
    """Return the central interval of bootstrap draws."""
    low, high = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def counts(size: int, resamples: int, rng: np.random.Generator) -> Floats:
    """Return (resamples, size) weights of draws with replacement; each row sums to 1."""
    drawn: NDArray[Any] = rng.multinomial(size, np.full(size, 1 / size), size=resamples)
    return drawn / float(size)


def _query_interval(
    query_scores: ArrayLike,
    rng: np.random.Generator | None,
    confidence: float,
    resamples: int,
) -> tuple[float, float]:
    values = np.asarray(query_scores, dtype=np.float64)
    if values.ndim != 1:
        raise ShapeError(f"query scores have shape {values.shape}, expected (Q,).")
    kept = values[~np.isnan(values)]
    if len(kept) < 2:
        raise ShapeError(f"{len(kept)} answered queries are too few for an interval.")
    if rng is None:
        return t_interval(kept, confidence)
    return percentiles(counts(len(kept), resamples, rng) @ kept, confidence)
