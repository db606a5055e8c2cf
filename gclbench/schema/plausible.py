"""Final numbers that cannot be: refused where they are made, shown as damaged where they are read.

Compiled code has stored an mAP above 100 once (docs/kernels.md). What is asked here holds of every
right ranking, whatever the encoder is worth. No torch; NumPy only where there are APs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from gclbench.errors import ImpossibleResultError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

RANKS = ("R1", "R5", "R10")
PERCENT = ("mAP", "mINP", *RANKS)
SHARES = ("nmi", "nmi_outliers_dropped", "nmi_outliers_single")
COUNTS = ("clusters", "outliers", "valid_queries", "skipped_queries")
# The same ranking by look alone, and that of a step in the middle of a stage.
_PREFIXES = ("", "visual_", "step_")
_ROUNDING = 1e-9
_MEAN_ROUNDING = 1e-6  # percentage points


def impossible(
    metrics: Mapping[str, float],
    ap: ArrayLike | None = None,
    visual_ap: ArrayLike | None = None,
) -> str:
    """Return what cannot be in a stage's final metrics, as one line; '' where all is possible.

    metrics   mAP, mINP, R1, R5, R10 (and visual_, step_) in percent, where R1 <= R5 <= R10; NMI
              0-1; counts whole, from 0. Any other metric, a loss perhaps, has to be finite only.
    ap        AP of every query, 0-1, NaN for a skipped one: its mean is mAP. `visual_ap` is that
              of visual_mAP.
    Rounding  1e-9 is forgiven, of a mean 1e-6 percentage points.
    """
    return next(_problems(metrics, {"mAP": ap, "visual_mAP": visual_ap}), "")


def refuse_impossible(
    metrics: Mapping[str, float],
    ap: ArrayLike | None = None,
    visual_ap: ArrayLike | None = None,
) -> None:
    """Raise ImpossibleResultError with what `impossible` says."""
    problem = impossible(metrics, ap, visual_ap)
    if problem:
        raise ImpossibleResultError(problem)


def _problems(
    metrics: Mapping[str, float], queries: Mapping[str, ArrayLike | None]
) -> Iterator[str]:
    yield from _out_of_range(metrics)
    for prefix in _PREFIXES:
        yield from _falling(metrics, [f"{prefix}{rank}" for rank in RANKS])
    for name, ap in queries.items():
        if ap is not None:
            yield from _of_queries(name, metrics, ap)


def _out_of_range(metrics: Mapping[str, float]) -> Iterator[str]:
    for name, value in metrics.items():
        if not math.isfinite(value):
            yield f"{name} is {_shown(value)}, it must be finite"
        elif _bare(name) in PERCENT and not _within(value, 100):
            yield f"{name} is {_shown(value)}, it must lie in 0 ... 100"
        elif _bare(name) in SHARES and not _within(value, 1):
            yield f"{name} is {_shown(value)}, it must lie in 0 ... 1"
        elif _bare(name) in COUNTS and (value < 0 or abs(value - round(value)) > _ROUNDING):
            yield f"{name} is {_shown(value)}, it must be a whole number from 0"


def _falling(metrics: Mapping[str, float], ranks: list[str]) -> Iterator[str]:
    known = [name for name in ranks if name in metrics]
    for low, high in pairwise(known):
        if metrics[low] > metrics[high] + _ROUNDING:
            yield f"{low} {_shown(metrics[low])} is above {high} {_shown(metrics[high])}"


def _of_queries(name: str, metrics: Mapping[str, float], ap: ArrayLike) -> Iterator[str]:
    import numpy as np

    values = np.asarray(ap, dtype=np.float64)
    valid = values[~np.isnan(values)]
    wrong = valid[~((valid >= -_ROUNDING) & (valid <= 1 + _ROUNDING))]
    if len(wrong):
        one = name.replace("mAP", "AP")
        yield f"the {one} of a query is {_shown(wrong[0])}, it must lie in 0 ... 1"
    elif name in metrics and not len(valid):
        yield f"{name} is {_shown(metrics[name])}, but no query has an AP"
    elif name in metrics and abs(100 * valid.mean() - metrics[name]) > _MEAN_ROUNDING:
        mean = _shown(100 * valid.mean())
        yield f"{name} is {_shown(metrics[name])}, but the mean AP of the queries is {mean}"


def _bare(name: str) -> str:
    for prefix in _PREFIXES[1:]:
        name = name.removeprefix(prefix)
    return name


def _within(value: float, top: float) -> bool:
    return -_ROUNDING <= value <= top + _ROUNDING


def _shown(value: float) -> str:
    return str(round(float(value), 9))
