"""How well pseudo labels agree with identities (specs: evaluation.md 7)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ShapeError, UsageError

Norm = Literal["geometric", "arithmetic", "max"]
Outliers = Literal["one_class", "drop", "singletons"]


def nmi(
    truth: Any, labels: Any, norm: Norm = "geometric", outliers: Outliers = "one_class"
) -> float:
    """Normalised mutual information I(Y; C) / norm(H(Y), H(C)), natural logs, 0-1.

    Source    scikit-learn's normalized_mutual_info_score; the cases of `Limits` are held here.
    norm      "geometric" is Strehl and Ghosh's, which the paper cites; "arithmetic" is
              scikit-learn's own default.
    outliers  what becomes of label -1: one cluster of its own, left out, or one cluster each.
    Limits    both partitions trivial: 1; only one of them, or nothing left: 0. (scikit-learn
              calls two empty partitions equal, 1; labels that say nothing earn nothing here.)
    Raises    ShapeError, UsageError.
    """
    y, c = np.asarray(truth), np.asarray(labels)
    if y.ndim != 1 or y.shape != c.shape:
        raise ShapeError(f"truth has shape {y.shape} and labels {c.shape}, not (N,) both.")
    if norm not in ("geometric", "arithmetic", "max"):
        raise UsageError(f"norm is '{norm}'.", "Allowed: arithmetic, geometric, max.")
    y, c = _without_outliers(y, c, outliers)
    if len(y) == 0:
        return 0.0
    # Loaded on use: 0.7 s and 50 MB that most verbs never need.
    from sklearn.metrics import normalized_mutual_info_score

    # Rounding may carry equal partitions past 1.
    return min(float(normalized_mutual_info_score(y, c, average_method=norm)), 1.0)


def label_quality(truth: Any, labels: Any) -> dict[str, float]:
    """What an epoch logs of the labels that it trains on, -1 for outliers: NMI and counts."""
    numbers = np.asarray(labels)
    return {
        "nmi": nmi(truth, numbers),
        "nmi_outliers_dropped": nmi(truth, numbers, outliers="drop"),
        "nmi_outliers_single": nmi(truth, numbers, outliers="singletons"),
        "clusters": float(numbers.max(initial=-1) + 1),
        "outliers": float((numbers < 0).sum()),
    }


def _without_outliers(
    y: NDArray[Any], c: NDArray[Any], outliers: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    if outliers == "one_class":
        return y, c
    if outliers == "drop":
        return y[c >= 0], c[c >= 0]
    if outliers == "singletons":
        alone = c < 0
        singles = c.copy()
        singles[alone] = c.max(initial=0) + 1 + np.arange(alone.sum())
        return y, singles
    raise UsageError(f"outliers is '{outliers}'.", "Allowed: drop, one_class, singletons.")
