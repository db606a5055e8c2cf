"""Two rows of a table compared on the same seeds and the same queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gclbench.errors import ShapeError
from gclbench.stats.summary import Floats, check_confidence, counts, percentiles

CHUNK = 250  # resamples per block: 250 x 20,000 queries are 40 MB


@dataclass(frozen=True)
class Interval:
    """A mean difference, its interval, and the two-sided p-value of no difference."""

    mean: float
    low: float
    high: float
    p_value: float


def paired_difference(
    a_ap: Sequence[ArrayLike],
    b_ap: Sequence[ArrayLike],
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    resamples: int = 4000,
) -> Interval:
    """Compare row a with row b: mean of a - b over seeds and queries.

    Interval  hierarchical bootstrap: seeds are drawn with replacement, queries too; one draw of
              queries serves all drawn seeds, because all seeds answer the same queries (drawing
              them anew per seed would average the queries' chance away). With one seed, only
              queries are drawn. Percentiles; with two or three seeds somewhat too narrow.
    p-value   paired randomisation: under no difference, a query's difference (its mean over
              seeds) may as well have the other sign. (1 + extreme) / (1 + resamples), two-sided.
              It speaks about these seeds only; the interval also about new ones.

    Shapes    a_ap and b_ap: for each seed in the same order, (Q,) AP of the same queries; NaN
              marks a skipped query. The unit of the result is that of the input.
    Raises    ShapeError when seeds or queries do not match, UsageError for a wrong confidence.
    """
    check_confidence(confidence)
    differences = _differences(a_ap, b_ap)
    seeds = len(differences)
    draws = np.empty(resamples)
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        by_query = counts(seeds, size, rng) @ differences
        draws[start : start + size] = (by_query * counts(differences.shape[1], size, rng)).sum(
            axis=1
        )
    low, high = percentiles(draws, confidence)
    p_value = _randomisation(differences.mean(axis=0), rng, resamples)
    return Interval(float(differences.mean()), low, high, p_value)


def _differences(a_ap: Sequence[ArrayLike], b_ap: Sequence[ArrayLike]) -> Floats:
    if len(a_ap) != len(b_ap) or len(a_ap) == 0:
        raise ShapeError(f"the rows have {len(a_ap)} and {len(b_ap)} seeds; both need the same.")
    rows: list[Floats] = []
    for seed, pair in enumerate(zip(a_ap, b_ap, strict=True)):
        a, b = (np.asarray(values, dtype=np.float64) for values in pair)
        if a.ndim != 1 or a.shape != b.shape or (rows and a.shape != rows[0].shape):
            raise ShapeError(f"seed number {seed}: {a.shape} and {b.shape} are not the same (Q,).")
        rows.append(a - b)
    differences: Floats = np.stack(rows)
    differences = differences[:, ~np.isnan(differences).any(axis=0)]
    if differences.shape[1] == 0:
        raise ShapeError("no query is answered by both rows under every seed.")
    return differences


def _randomisation(differences: Floats, rng: np.random.Generator, resamples: int) -> float:
    observed = abs(differences.sum())
    slack = 1e-9 * max(float(np.abs(differences).sum()), 1e-300)  # ties up to rounding count
    extreme = 0
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        signs = rng.integers(0, 2, size=(size, len(differences))) * 2 - 1
        extreme += int((np.abs(signs @ differences) >= observed - slack).sum())
    return (1 + extreme) / (1 + resamples)
