"""JVTC+: the ranking by look, cameras and times together, in the place of looks alone.

Source    jvtc.md 3.5: pseudo identities of the training images say how long people take from one
          camera to another; a gallery is ranked by 1 - J (see `pseudolabels.camera_time`). No
          labels are used, and nothing is trained.
Differs   CamStyle images are not used: features of training images are those of the originals.
          The histogram has as many bins as the frames of training and test need, and frames of
          different clocks have probability 0 (MSMT17).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gclbench.datasets.times import require_times
from gclbench.evaluation.protocol import (
    NEAREST,
    EvaluationResult,
    Labelled,
    Retrieval,
    features_of,
    rank,
    result_of,
)
from gclbench.kernels.ranking import distance_blocks, evaluate_distances
from gclbench.pseudolabels.camera_time import CameraTime, camera_time, joint_distances
from gclbench.pseudolabels.jvtc import SquaredDistances
from gclbench.pseudolabels.rho_clusters import rho_clusters
from gclbench.schema.evaluation import CameraTimeSettings, EvaluateSettings

DISTANCE = "1 - sigma(5 s) / (1 + 2 exp(-5 p)), s cosine, p camera/time probability"


class Timed(Labelled, Protocol):
    """A split whose images have frames; `clock_frames` as in `ImageTable`."""

    @property
    def frames(self) -> NDArray[np.int64]: ...

    @property
    def clock_frames(self) -> int: ...


class TimedRetrieval(Retrieval, Protocol):
    """What is asked of a dataset beside the protocol: times, and the training images."""

    @property
    def train(self) -> Timed: ...

    @property
    def query(self) -> Timed: ...

    @property
    def gallery(self) -> Timed: ...


@dataclass(frozen=True)
class RescoredResult:
    """Both rankings of one encoder: `joint` is the score, `visual` what it was before.

    `identities` counts the pseudo identities behind the camera/time model, `eps` is their radius,
    `bins` the length of its histograms.
    """

    joint: EvaluationResult
    visual: EvaluationResult
    identities: int
    eps: float
    bins: int

    def metrics(self) -> dict[str, float]:
        """Return the joint ranking's percentages, and the visual one's as visual_mAP, ..."""
        before = {f"visual_{name}": value for name, value in self.visual.metrics().items()}
        return {**self.joint.metrics(), **before}

    def describe(self) -> dict[str, Any]:
        """Return what a record must say, as `EvaluationResult.describe`."""
        return {
            **self.joint.describe(),
            "distance": DISTANCE,
            "camera_time": True,
            "camera_time_identities": self.identities,
            "camera_time_eps": self.eps,
            "camera_time_bins": self.bins,
            "visual_distance": self.visual.describe()["distance"],
            **{f"visual_{name}": value for name, value in self.visual.metrics().items()},
        }


def evaluate_with_camera_time(
    encoder: nn.Module,
    dataset: TimedRetrieval,
    settings: EvaluateSettings,
    device: str | torch.device = "cpu",
) -> RescoredResult:
    """Encode training set, query and gallery; rank by look, then by look, cameras and times.

    Memory    a block of queries against the gallery at a time, never the whole matrix.
    Raises    as `evaluate`; UsageError where the dataset has no times.
    """
    train, query, gallery = (
        features_of(encoder, dataset, split, settings, device)
        for split in ("train", "query", "gallery")
    )
    labels, eps = rho_clusters(SquaredDistances(train), settings.camera_time_model.rho)
    model = fit(labels, dataset, settings.camera_time_model)
    joint = evaluate_distances(
        joint_blocks(query, gallery, dataset.query, dataset.gallery, model),
        dataset.query.pids,
        dataset.query.cams,
        dataset.gallery.pids,
        dataset.gallery.cams,
        average_precision=settings.average_precision,
        nearest=NEAREST,
    )
    visual = rank(query, gallery, dataset, settings)
    size = len(gallery), query.shape[1]
    return RescoredResult(
        joint=result_of(joint, dataset, settings, *size),
        visual=result_of(visual, dataset, settings, *size),
        identities=int(labels.max()) + 1,
        eps=eps,
        bins=model.probability.shape[2],
    )


def fit(
    labels: NDArray[np.int64], dataset: TimedRetrieval, settings: CameraTimeSettings
) -> CameraTime:
    """Fit the model to labelled training images, for all cameras and times of the dataset.

    Raises UsageError where the dataset has no times.
    """
    train = dataset.train
    tables = (train, dataset.query, dataset.gallery)
    frames = np.concatenate([table.frames for table in tables])
    require_times(frames)
    if train.clock_frames:
        frames = frames % train.clock_frames
    return camera_time(
        labels,
        train.cams,
        train.frames,
        bin_width=settings.frame_bin,
        smoothing_bins=settings.smoothing_bins,
        cameras=1 + max(int(table.cams.max()) for table in tables),
        bins=int(np.ptp(frames)) // settings.frame_bin + 1,
        clock_frames=train.clock_frames,
    )


def joint_blocks(
    query: Tensor, gallery: Tensor, q_table: Timed, g_table: Timed, model: CameraTime
) -> Iterator[NDArray[np.float64]]:
    """Yield rows of 1 - J, a block of queries at a time: unit rows (Q, E), (G, E) -> (b, G)."""
    start = 0
    for block in distance_blocks(query, gallery):
        rows = slice(start, start + len(block))
        seen = model.between(
            q_table.cams[rows], q_table.frames[rows], g_table.cams, g_table.frames
        )
        yield joint_distances(1 - block.astype(np.float64) / 2, seen)
        start += len(block)
