"""What every sampler keeps: it turns the labelled samples of an epoch into batches.

A sampler is a function `(pool, rng, *, parameters)`, the last where it takes parameters. It
returns the batches of one epoch: int64 (B,) each, on the CPU, of samples whose label is not -1.
All chance comes from `rng`. A sampler that can make no batch returns none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pool:
    """What an epoch may visit: labels (N,) int64, -1 for outliers, and cameras (N,) int64.

    `batch_size` is what settings ask for (`joint.batch_size`).
    """

    labels: NDArray[np.int64]
    cams: NDArray[np.int64]
    batch_size: int

    @property
    def rows(self) -> NDArray[np.int64]:
        """The labelled samples, in order."""
        return np.flatnonzero(self.labels >= 0)
