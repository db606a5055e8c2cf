"""Whether the images of a dataset say when they were taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import UsageError


def require_times(frames: NDArray[np.int64]) -> None:
    """Raise UsageError where all images carry one frame number (N,), so that none has a time."""
    if np.ptp(frames) == 0:
        raise UsageError(
            "the images of this dataset have no times, so that they cannot be ranked by them.",
            "Use a copy whose file names have frame numbers, or evaluate.camera_time=false.",
        )
