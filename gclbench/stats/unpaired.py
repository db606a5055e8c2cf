"""Two groups of queries compared: the queries differ, the seeds are the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from gclbench.errors import ShapeError
from gclbench.stats.paired import CHUNK, Interval
from gclbench.stats.summary import Floats, check_confidence, counts, percentiles


def group_difference(
    a: Sequence[ArrayLike],
    b: Sequence[ArrayLike],
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    resamples: int = 4000,
) -> Interval:
    """Compare group a with group b: mean of a minus mean of b, over seeds and queries.

    Interval  hierarchical bootstrap: one draw of seeds for both groups, and in each group a draw
              of its queries that serves all drawn seeds. Percentiles.
    p-value   permutation: under no difference, a query (its mean over seeds) may as well be of
              the other group. (1 + extreme) / (1 + resamples), two-sided.

    Shapes    a and b: for each seed in the same order, (Q_a,) and (Q_b,); NaN marks a skipped
              query. The unit of the result is that of the input.
    Raises    ShapeError when seeds do not match or a group is empty, UsageError for a wrong
              confidence.
    """
    check_confidence(confidence)
    if len(a) != len(b) or len(a) == 0:
        raise ShapeError(f"the groups have {len(a)} and {len(b)} seeds; both need the same.")
    first, second = _answered(a), _answered(b)
    draws = np.empty(resamples)
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        seeds = counts(len(first), size, rng)
        draws[start : start + size] = _drawn(first, seeds, rng) - _drawn(second, seeds, rng)
    low, high = percentiles(draws, confidence)
    p_value = _permutation(first.mean(axis=0), second.mean(axis=0), rng, resamples)
    return Interval(float(first.mean() - second.mean()), low, high, p_value)


def _answered(group: Sequence[ArrayLike]) -> Floats:
    """Return (seeds, queries that every seed answers)."""
    rows = [np.asarray(values, dtype=np.float64) for values in group]
    if any(row.ndim != 1 or row.shape != rows[0].shape for row in rows):
        raise ShapeError(f"a group has shapes {[row.shape for row in rows]}, expected one (Q,).")
    values: Floats = np.stack(rows)
    values = values[:, ~np.isnan(values).any(axis=0)]
    if values.shape[1] == 0:
        raise ShapeError("a group has no query that every seed answers.")
    return values


def _drawn(values: Floats, seeds: Floats, rng: np.random.Generator) -> Floats:
    queries = counts(values.shape[1], len(seeds), rng)
    drawn: Floats = ((seeds @ values) * queries).sum(axis=1)
    return drawn


def _permutation(a: Floats, b: Floats, rng: np.random.Generator, resamples: int) -> float:
    everyone = np.concatenate([a, b])
    observed = abs(a.mean() - b.mean())
    slack = 1e-9 * max(float(np.abs(everyone).max()), 1e-300)  # ties up to rounding count
    extreme = 0
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        shuffled = rng.permuted(np.tile(everyone, (size, 1)), axis=1)
        differences = shuffled[:, : len(a)].mean(axis=1) - shuffled[:, len(a) :].mean(axis=1)
        extreme += int((np.abs(differences) >= observed - slack).sum())
    return (1 + extreme) / (1 + resamples)
