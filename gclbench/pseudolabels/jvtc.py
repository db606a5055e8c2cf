"""JVTC's label refresh: re-ranked clustering of its bank, later with the camera/time model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.dbscan import connected_clusters
from gclbench.kernels.jaccard import reranked_matrix
from gclbench.kernels.similarity import squared_distances
from gclbench.pseudolabels.camera_time import camera_time, joint_similarity

Mode = Literal["visual", "joint"]
_VISUAL_MIX, _JOINT_MIX = 0.3, 0.5


@dataclass(frozen=True)
class RefreshSettings:
    """The fields of `schema.WarmupSettings` that the refresh reads; `eps_factor` shrinks eps."""

    k1: int = 20
    k2: int = 6
    rho: float = 1.6e-3
    eps_factor: float = 0.75
    frame_bin: int = 100
    smoothing_bins: float = 50.0


@dataclass(frozen=True)
class RefreshedLabels:
    """labels (N,) int64 without outliers; the eps of the last clustering; how many clusters."""

    labels: NDArray[np.int64]
    eps: float
    clusters: int


def refresh_mode(
    epoch: int, *, global_from_epoch: int, joint_from_epoch: int, refresh_every_epochs: int
) -> Mode | None:
    """Return how an epoch (counted from 1) refreshes labels at its start, None if not.

    With the official 10, 30, 5: epochs 10, 15, 20, 25 visual; 30, 35, ... joint. Counted from the
    first epoch of the global loss, which must not meet labels that were never clustered.
    """
    if epoch < global_from_epoch or (epoch - global_from_epoch) % refresh_every_epochs:
        return None
    return "joint" if epoch >= joint_from_epoch else "visual"


def refresh_labels(
    bank_rows: Any,
    cams: Any,
    frames: Any,
    mode: Mode,
    settings: RefreshSettings | None = None,
) -> RefreshedLabels:
    """Cluster bank rows (N, D) of any length.

    cams (N,), 0-based, and frames (N,) are read in joint mode only.

    visual    squared distances, re-ranked (mix 0.3), connected clusters.
    joint     the same, then the camera/time model of those labels: distance 1 - J with dot
              products of bank rows as score, re-ranked again (mix 0.5), connected clusters.
    Source    jvtc.md 3.4. Memory: a few N x N float32 matrices.
    """
    if mode not in ("visual", "joint"):
        raise UsageError(f"mode is '{mode}'.", "Allowed: joint, visual.")
    s = settings or RefreshSettings()
    if len(cams) != len(bank_rows) or len(frames) != len(bank_rows):
        raise ShapeError(f"{len(bank_rows)} rows, {len(cams)} cameras, {len(frames)} frames.")
    distances = reranked_matrix(squared_distances(bank_rows), s.k1, s.k2, _VISUAL_MIX)
    labels, eps = connected_clusters(distances, s.rho, s.eps_factor)
    if mode == "joint":
        del distances
        joint = _joint_distances(bank_rows, labels, cams, frames, s)
        distances = reranked_matrix(joint, s.k1, s.k2, _JOINT_MIX)
        labels, eps = connected_clusters(distances, s.rho, s.eps_factor)
    return RefreshedLabels(labels, eps, int(labels.max()) + 1)


def _joint_distances(
    bank_rows: Any, labels: NDArray[np.int64], cams: Any, frames: Any, s: RefreshSettings
) -> NDArray[np.float32]:
    rows = np.asarray(bank_rows, dtype=np.float32)
    model = camera_time(
        labels, cams, frames, bin_width=s.frame_bin, smoothing_bins=s.smoothing_bins
    )
    probability = model.between(cams, frames, cams, frames)
    return 1 - joint_similarity(rows @ rows.T, probability)
