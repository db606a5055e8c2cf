"""What every way of labelling the memory of stage 3 keeps.

A method is a function `(known, *, parameters)`, the second where it takes parameters. It is asked
at the start of every epoch and returns a `Labelling`. All chance comes from `known.rng`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Unlabelled:
    """What is known of a training set without its identities.

    rows (N, D) float32 of length 1: the memory bank; cams, frames (N,) int64: cameras, and times
    on one clock; `epoch` counts from 0. `settings` are the other fields of `joint.pseudo_labels`,
    which belong to `jaccard_dbscan`.
    """

    rows: NDArray[np.float32]
    cams: NDArray[np.int64]
    frames: NDArray[np.int64]
    epoch: int
    rng: torch.Generator
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Labelling:
    """labels (N,) int64: 0 .. clusters - 1 without a gap, -1 for an outlier.

    Outliers are not trained on, and are negatives for everyone (D-14). `figures` are numbers by
    name that go into the epoch's metrics.
    """

    labels: NDArray[np.int64]
    figures: Mapping[str, float] = field(default_factory=dict)
