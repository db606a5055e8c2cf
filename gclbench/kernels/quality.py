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

    norm      "geometric" is Strehl and Ghosh's, which the paper cites; "arithmetic"
              scikit-learn's.
    outliers  what becomes of label -1: one cluster of its own, left out, or one cluster each.
    Limits    both partitions trivial: 1; only one of them, or nothing left: 0.
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
    y, c = np.unique(y, return_inverse=True)[1], np.unique(c, return_inverse=True)[1]
    if y.max() == 0 and c.max() == 0:
        return 1.0
    h_y, h_c = _entropy(np.bincount(y)), _entropy(np.bincount(c))
    _, joint = np.unique(y * (c.max() + 1) + c, return_counts=True)
    information = h_y + h_c - _entropy(joint)
    scale = {"geometric": np.sqrt(h_y * h_c), "arithmetic": (h_y + h_c) / 2, "max": max(h_y, h_c)}
    return float(np.clip(information / scale[norm], 0, 1)) if scale[norm] > 0 else 0.0


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


def _entropy(counts: NDArray[Any]) -> float:
    p = counts / counts.sum()
    return float(-(p * np.log(p)).sum())
