"""Tracklets: a planned shot goes on for a few boxes while the person walks past the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.synthetic.gait import facing, walking_pose
from gclbench.datasets.synthetic.shot import Shot
from gclbench.datasets.synthetic.spec import TrackletSpec
from gclbench.seeding import derive_seed


def film(
    first: Shot,
    spec: TrackletSpec,
    pitch_deg: float,
    gait: NDArray[np.float64],
    rng: np.random.Generator,
) -> list[Shot]:
    """Return the boxes of the tracklet that begins with `first`.

    The stride goes on from box to box; view, framing, light and scene drift a little. Boxes count
    from 1, or from 2 where the tracker missed the first; in `gap_share` of the tracklets
    a number in the middle is missing too.
    """
    count = int(rng.integers(spec.boxes[0], spec.boxes[1] + 1))
    drift = np.cumsum(rng.normal(0, 1, (count, 5)), axis=0)
    drift -= drift[0]
    past = float(rng.choice([-1.0, 1.0])) * spec.scene_drift
    gap = int(rng.integers(1, count)) if rng.random() < spec.gap_share else count
    missed = int(spec.gap_share > 0 and rng.random() < 0.5)
    posture = int(rng.integers(1 << 62))  # one small wobble of the joints for the whole tracklet
    boxes = []
    for index in range(count):
        step = index + (index >= gap)
        yaw = (first.yaw_deg + spec.yaw_drift_deg * drift[index, 0]) % 360
        phase = (first.phase + step * spec.frame_step / spec.stride_frames) % 1.0
        wobble = np.random.Generator(np.random.PCG64(posture))
        boxes.append(
            replace(
                first,
                frame=first.frame + step * spec.frame_step,
                box=1 + missed + step,
                yaw_deg=float(yaw),
                phase=float(phase),
                pose=walking_pose(phase, gait, facing(yaw, pitch_deg), wobble),
                fill=float(first.fill + spec.fill_drift_sd * drift[index, 1]),
                shift_right=float(first.shift_right + spec.shift_drift_sd * drift[index, 2]),
                shift_up=float(first.shift_up + spec.shift_drift_sd * drift[index, 3]),
                exposure=float(first.exposure * np.exp(spec.exposure_drift_sd * drift[index, 4])),
                scene_offset=_reflected(first.scene_offset + past * step),
                noise_seed=derive_seed(first.noise_seed, "box", step),
            )
        )
    return boxes


def _reflected(value: float) -> float:
    """A window that comes to the border of the scene goes back from there; result in 0-1."""
    value = abs(value) % 2.0
    return 2.0 - value if value > 1.0 else value
