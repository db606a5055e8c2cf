"""JVTC's label refresh: re-ranked clustering of its bank, later with the camera/time model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.products import products
from gclbench.kernels.reranked_graph import connected_clusters, reranked_graph
from gclbench.kernels.similarity import finite_rows, pair_products
from gclbench.pseudolabels.camera_time import CameraTime, camera_time, joint_similarity

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
    clock_frames: int = 0,
) -> RefreshedLabels:
    """Cluster bank rows (N, D) of any length.

    cams (N,), 0-based, and frames (N,) are read in joint mode only; `clock_frames` says which
    frames lie on one clock (see `camera_time`).

    visual    squared distances, re-ranked (mix 0.3), connected clusters.
    joint     the same, then the camera/time model of those labels: distance 1 - J with dot
              products of bank rows as score, re-ranked again (mix 0.5), connected clusters.
    Source    jvtc.md 3.4. Memory: the pairs that share neighbours, never N x N.
    """
    if mode not in ("visual", "joint"):
        raise UsageError(f"mode is '{mode}'.", "Allowed: joint, visual.")
    s = settings or RefreshSettings()
    if len(cams) != len(bank_rows) or len(frames) != len(bank_rows):
        raise ShapeError(f"{len(bank_rows)} rows, {len(cams)} cameras, {len(frames)} frames.")
    rows = finite_rows(bank_rows).cpu()
    graph = reranked_graph(SquaredDistances(rows), s.k1, s.k2, _VISUAL_MIX)
    labels, eps = connected_clusters(graph, s.rho, s.eps_factor)
    if mode == "joint":
        model = camera_time(
            labels,
            cams,
            frames,
            bin_width=s.frame_bin,
            smoothing_bins=s.smoothing_bins,
            clock_frames=clock_frames,
        )
        seen = np.asarray(cams), np.asarray(frames)
        graph = reranked_graph(JointDistances(rows, model, *seen), s.k1, s.k2, _JOINT_MIX)
        labels, eps = connected_clusters(graph, s.rho, s.eps_factor)
    return RefreshedLabels(labels, eps, int(labels.max()) + 1)


@dataclass(frozen=True)
class SquaredDistances:
    """Squared Euclidean distances of rows (N, D) of any length; a `PairDistances`."""

    matrix: Tensor

    @property
    def n(self) -> int:
        return len(self.matrix)

    def columns(self, start: int, stop: int) -> Tensor:
        lengths = (self.matrix * self.matrix).sum(dim=1)
        block = products(self.matrix, self.matrix[start:stop]).mul_(-2)
        block.add_(lengths[:, None]).add_(lengths[None, start:stop]).clamp_(min=0)
        block.diagonal(-start).fill_(0)
        return block

    def pairs(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float32]:
        lengths = (self.matrix * self.matrix).sum(dim=1).numpy().astype(np.float64)
        products = pair_products(self.matrix, rows, columns)
        found = np.maximum(lengths[rows] + lengths[columns] - 2 * products, 0)
        return np.where(rows == columns, 0, found).astype(np.float32)


@dataclass(frozen=True)
class JointDistances:
    """1 - J of dot products and the camera/time model (N points); a `PairDistances`."""

    matrix: Tensor
    model: CameraTime
    cams: NDArray[Any]
    frames: NDArray[Any]

    @property
    def n(self) -> int:
        return len(self.matrix)

    def columns(self, start: int, stop: int) -> Tensor:
        span = slice(start, stop)
        scores = products(self.matrix, self.matrix[span]).numpy()
        seen = self.model.between(self.cams, self.frames, self.cams[span], self.frames[span])
        return torch.from_numpy(1 - joint_similarity(scores, seen))

    def pairs(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float32]:
        products = pair_products(self.matrix, rows, columns).astype(np.float32)
        seen = self.model.of_pairs(
            self.cams[rows], self.frames[rows], self.cams[columns], self.frames[columns]
        )
        return 1 - joint_similarity(products, seen)
