"""Results that cannot be are refused where they are made (docs/kernels.md says what has been).

Plain NumPy: none of the compiled kernels takes part. See `spot_checks` for numbers that are
computed again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ImpossibleResultError
from gclbench.kernels.ranking_result import RankingResult

_ROUNDING = 1e-9


def check_ranking(result: RankingResult) -> None:
    """Raise ImpossibleResultError for AP, INP or CMC outside 0-1, or lists out of order."""
    valid = result.valid
    for name, values in (
        ("AP", result.ap[valid]),
        ("INP", result.inp[valid]),
        ("CMC", result.cmc),
    ):
        if not ((values > -_ROUNDING) & (values < 1 + _ROUNDING)).all():
            raise ImpossibleResultError(
                f"{name} ranges from {values.min():.4g} to {values.max():.4g}"
            )
    if (np.diff(result.cmc) < 0).any():
        raise ImpossibleResultError("CMC falls with the rank")
    near = result.nearest_distances
    if (near[:, 1:] < near[:, :-1]).any():
        raise ImpossibleResultError("the distances of a ranked list fall")


def check_labels(labels: NDArray[np.int64]) -> None:
    """Raise ImpossibleResultError for labels that are not 0 ... n - 1 and -1, each one there."""
    if len(labels) == 0:
        return
    if labels.min() < -1 or not np.bincount(labels + 1)[1:].all():
        raise ImpossibleResultError(
            f"clusters are numbered from {labels.min()} to {labels.max()} with gaps or strangers"
        )
