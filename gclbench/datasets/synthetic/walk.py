"""Routes of people through the camera network, with travel times that make frames informative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.synthetic.spec import TwinSpec


@dataclass(frozen=True)
class Visit:
    """One passage before one camera: the yaw of the person and the frame numbers of its images."""

    camera: int
    yaw_deg: float
    frames: tuple[int, ...]


def travel_times(spec: TwinSpec, rng: np.random.Generator) -> NDArray[np.float64]:
    """Mean frames (cameras, cameras) from one camera to another; symmetric, 0 on the diagonal."""
    low, high = spec.travel_frames
    table = np.triu(rng.uniform(low, high, (spec.cameras, spec.cameras)), 1)
    return table + table.T


def walk(
    images: int,
    spec: TwinSpec,
    times: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    training: bool = False,
) -> list[Visit]:
    """Return one person's visits: different cameras, at least two, `images` images together."""
    low, high = spec.train_images_per_visit if training else spec.images_per_visit
    count = int(np.clip(round(2 * images / (low + high)), 2, spec.cameras))
    sizes = np.full(count, images // count)
    sizes[: images % count] += 1
    cameras = rng.permutation(spec.cameras)[:count]
    frame = float(rng.uniform(3_000, 3_000 + spec.start_span_frames))
    visits: list[Visit] = []
    for index, camera in enumerate(cameras):
        if index:
            mean = times[cameras[index - 1], camera]
            frame += mean * float(np.exp(rng.normal(0, spec.travel_sd)))
        gaps = rng.integers(8, 45, int(sizes[index]))
        yaw = spec.yaw_centres_deg[camera] + rng.normal(0, spec.yaw_spread_deg)
        yaw += 180.0 * (rng.random() < spec.reverse_share)
        numbers = tuple(int(v) for v in int(frame) + np.cumsum(gaps))
        visits.append(Visit(int(camera), float(yaw % 360), numbers))
        frame = float(numbers[-1])
    return visits
