"""When does a person seen by one camera show up at another? JVTC's camera/time model.

Source    jvtc.md 3.5 (the design of st-ReID, Wang et al., AAAI 2019). Cameras count from 0 here,
          and bins cover the data (the public 3,000 are too few for Market); beyond them p is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from gclbench.errors import ShapeError, UsageError

_TINY = 1e-7  # the public code's guard; it also moves a mean a hair below its exact value
_BLOCK = 1024


@dataclass(frozen=True)
class CameraTime:
    """probability[to, from, bin]: (C, C, bins) float64, `to` the later camera, bins of `bin_width`
    frames; each pair sums to 1, or to 0 where it was never seen.

    Where frames // `clock_frames` differ, p is 0 (0: all frames are on one clock).
    """

    probability: NDArray[np.float64]
    bin_width: int
    clock_frames: int = 0

    def between(
        self, q_cams: Any, q_frames: Any, g_cams: Any, g_frames: Any
    ) -> NDArray[np.float32]:
        """Return p for every pair: queries (Q,), gallery (G,) -> (Q, G).

        For d = t_q - t_g > 0 the query came later: probability[c_q, c_g, floor(d / bin_width)];
        else probability[c_g, c_q, floor(-d / bin_width)]. A bin beyond the model has p = 0.
        """
        q_cam, q_frame = self._known(q_cams), _integers(q_frames)
        g_cam, g_frame = self._known(g_cams), _integers(g_frames)
        out = np.empty((len(q_cam), len(g_cam)), dtype=np.float32)
        for start in range(0, len(q_cam), _BLOCK):
            rows = slice(start, start + _BLOCK)
            out[rows] = self._look_up(q_cam[rows, None], q_frame[rows, None], g_cam, g_frame)
        return out

    def of_pairs(
        self, q_cams: Any, q_frames: Any, g_cams: Any, g_frames: Any
    ) -> NDArray[np.float32]:
        """As `between`, for M pairs given side by side: all (M,) -> (M,)."""
        q_cam, g_cam = self._known(q_cams), self._known(g_cams)
        found = self._look_up(q_cam, _integers(q_frames), g_cam, _integers(g_frames))
        return found.astype(np.float32)

    def _known(self, cams: Any) -> NDArray[np.int64]:
        cams, cameras = _integers(cams), len(self.probability)
        if cams.size and (cams.min() < 0 or cams.max() >= cameras):
            raise UsageError(f"a camera lies outside 0-{cameras - 1}, the training cameras.")
        return cams

    def _look_up(
        self,
        q_cam: NDArray[np.int64],
        q_frame: NDArray[np.int64],
        g_cam: NDArray[np.int64],
        g_frame: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        difference = q_frame - g_frame
        later = difference > 0
        slot = np.abs(difference) // self.bin_width
        inside = slot < self.probability.shape[2]
        if self.clock_frames:
            inside &= q_frame // self.clock_frames == g_frame // self.clock_frames
        to, origin = np.where(later, q_cam, g_cam), np.where(later, g_cam, q_cam)
        return self.probability[to, origin, slot * inside] * inside


def camera_time(
    labels: Any,
    cams: Any,
    frames: Any,
    *,
    bin_width: int = 100,
    smoothing_bins: float = 50.0,
    cameras: int | None = None,
    bins: int | None = None,
    clock_frames: int = 0,
) -> CameraTime:
    """Fit the model to training images: labels, cams, frames (N,) integers; label -1 is left out.

    `bins` defaults to what the frames span; give the span of train and test together to keep true
    zeros apart from 'never asked'. `cameras` defaults to the largest camera + 1. With
    `clock_frames`, the images of a label from different clocks count as different labels.
    """
    if clock_frames:
        labels, frames = _one_clock_each(labels, frames, clock_frames)
    votes = camera_time_votes(
        labels, cams, frames, bin_width=bin_width, cameras=cameras, bins=bins
    )
    smooth = _smoothed(votes, smoothing_bins)
    return CameraTime(
        smooth / (smooth.sum(axis=2, keepdims=True) + _TINY), bin_width, clock_frames
    )


def camera_time_votes(
    labels: Any,
    cams: Any,
    frames: Any,
    *,
    bin_width: int = 100,
    cameras: int | None = None,
    bins: int | None = None,
) -> NDArray[np.float64]:
    """Return the raw histogram H[to, from, bin].

    Different cameras: one vote per label, at the difference of its mean frames. Same camera: every
    image of a label with several there, at its distance from the first, with their count as
    weight.
    """
    y, c, t = _integers(labels), _integers(cams), _integers(frames)
    if not y.shape == c.shape == t.shape or y.ndim != 1:
        raise ShapeError(f"labels, cams, frames are {y.shape}, {c.shape}, {t.shape}, not (N,).")
    if bin_width < 1:
        raise UsageError(f"bin_width is {bin_width} frames, it must be at least 1.")
    if c.size and c.min() < 0:
        raise UsageError("cameras count from 0.")
    cameras = cameras if cameras is not None else int(c.max(initial=0)) + 1
    bins = bins if bins is not None else int(np.ptp(t) if t.size else 0) // bin_width + 1
    kept = y >= 0
    y, c, t = y[kept], c[kept], t[kept]
    votes = np.zeros((cameras, cameras, bins))
    if len(y) == 0:
        return votes
    people = int(y.max()) + 1
    cell = y * cameras + c
    size = np.bincount(cell, minlength=people * cameras).reshape(people, cameras)
    total = np.bincount(cell, weights=t, minlength=people * cameras).reshape(people, cameras)
    mean = total / (size + _TINY)
    _vote_between_cameras(votes, size, mean, bin_width)
    _vote_within_cameras(votes, size, cell, c, t, bin_width)
    return votes


def joint_similarity(scores: Any, probability: Any) -> NDArray[np.float32]:
    """Return J = sigma(5 s) / (1 + 2 e^(-5 p)), in 0-1.

    s is the visual score, p the camera/time probability of the same pairs, equal shapes.
    """
    s, p = np.asarray(scores), np.asarray(probability)
    return np.asarray(_joint(s, p), dtype=np.float32)


def joint_distances(scores: Any, probability: Any) -> NDArray[np.float64]:
    """Return 1 - J (see `joint_similarity`), the distance that JVTC+ ranks a gallery by.

    In float64: J is flat where s is near 1, so that float32 would make ties of what s tells apart.
    """
    s, p = (np.asarray(values, dtype=np.float64) for values in (scores, probability))
    return np.asarray(1 - _joint(s, p), dtype=np.float64)


def _joint(s: NDArray[Any], p: NDArray[Any]) -> NDArray[Any]:
    if s.shape != p.shape:
        raise ShapeError(f"scores are {s.shape}, probabilities {p.shape}.")
    return np.asarray(expit(5 * s) / (1 + 2 * np.exp(-5 * p)))


def _one_clock_each(
    labels: Any, frames: Any, clock_frames: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split labels by clock and let every clock's frames begin at 0; -1 stays."""
    y, t = _integers(labels), _integers(frames)
    if y.shape != t.shape:
        raise ShapeError(f"labels are {y.shape}, frames {t.shape}.")
    pairs = np.stack([y, t // clock_frames], axis=1)
    apart = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(y.shape)
    return np.where(y < 0, -1, apart), t % clock_frames


def _integers(values: Any) -> NDArray[np.int64]:
    return np.asarray(values).astype(np.int64)


def _add(votes: NDArray[Any], to: Any, origin: Any, slot: Any, weight: Any) -> None:
    inside = slot < votes.shape[2]
    to, origin, weight = (np.broadcast_to(v, slot.shape)[inside] for v in (to, origin, weight))
    np.add.at(votes, (to, origin, slot[inside]), weight)


def _vote_between_cameras(
    votes: NDArray[np.float64], size: NDArray[Any], mean: NDArray[np.float64], bin_width: int
) -> None:
    for j in range(len(votes)):
        for k in range(j + 1, len(votes)):
            both = (size[:, j] > 0) & (size[:, k] > 0)
            difference = mean[both, j] - mean[both, k]
            slot = (np.abs(difference) / bin_width).astype(np.int64)
            later = difference > 0
            _add(votes, np.where(later, j, k), np.where(later, k, j), slot, 1.0)


def _vote_within_cameras(
    votes: NDArray[np.float64],
    size: NDArray[Any],
    cell: NDArray[np.int64],
    cams: NDArray[np.int64],
    frames: NDArray[np.int64],
    bin_width: int,
) -> None:
    first = np.full(size.size, np.iinfo(np.int64).max)
    np.minimum.at(first, cell, frames)
    count = size.reshape(-1)[cell]
    several = count > 1
    slot = (frames - first[cell])[several] // bin_width
    _add(votes, cams[several], cams[several], slot, count[several].astype(np.float64))


def _smoothed(votes: NDArray[np.float64], sigma_bins: float) -> NDArray[np.float64]:
    """Convolve along time with a Gaussian cut at 3 sigma; what falls outside the array is lost."""
    if not sigma_bins > 0:
        raise UsageError(f"smoothing_bins is {sigma_bins}, it must be above 0.")
    reach = int(3 * sigma_bins)
    offset = np.arange(-reach, reach + 1)
    kernel = np.exp(-(offset**2) / (2 * sigma_bins**2)) / (sigma_bins * math.sqrt(2 * math.pi))
    bins = votes.shape[2]
    out = np.zeros_like(votes)
    for pair in np.argwhere(votes.any(axis=2)):
        row = votes[tuple(pair)]
        for slot in np.flatnonzero(row).tolist():  # few bins hold votes
            low, high = max(0, slot - reach), min(bins, slot + reach + 1)
            out[tuple(pair)][low:high] += (
                row[slot] * kernel[low - slot + reach : high - slot + reach]
            )
    return out
