"""Ordering claims: one row beats another, judged on paired per-query AP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from gclbench.claims.verdict import Status, Verdict
from gclbench.stats import paired_difference


def check_ordering(
    lhs_ap: Sequence[ArrayLike],
    rhs_ap: Sequence[ArrayLike],
    rng: np.random.Generator,
    *,
    by_points: float = 0.0,
    confidence: float = 0.95,
) -> Verdict:
    """Judge the claim that the left row's mAP exceeds the right row's by more than `by_points`.

    Shapes    for each seed, in the same order, (Q,) AP of the same queries, percent 0-100, NaN for
              a skipped query.
    Returns   the difference in points with its paired interval (see `paired_difference`):
              supported when the interval lies above by_points, refuted when it lies at or below,
              else undecided. Two equal rows refute a claim of more.
    Raises    ShapeError when seeds or queries do not match.
    """
    difference = paired_difference(lhs_ap, rhs_ap, rng, confidence=confidence)
    value, low, high = difference.mean, difference.low, difference.high
    if low > by_points:
        status = Status.SUPPORTED
    elif high <= by_points:
        status = Status.REFUTED
    else:
        status = Status.UNDECIDED
    detail = (
        f"paired over {len(lhs_ap)} seed{'s' * (len(lhs_ap) != 1)}, p {difference.p_value:.3g}"
    )
    return Verdict(status, value, low, high, value > by_points, detail)
