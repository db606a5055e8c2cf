"""Walking poses in SMPL's axis-angle parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]


def facing(yaw_deg: float, pitch_deg: float) -> Rotation:
    """Return the turn of a body that faces `yaw_deg`, seen by a camera that looks down."""
    return Rotation.from_euler("x", pitch_deg, degrees=True) * Rotation.from_euler(
        "y", yaw_deg, degrees=True
    )


def walking_pose(
    phase: float, gait: Floats, orientation: Rotation, rng: np.random.Generator
) -> Floats:
    """Return a pose (72,) in radians at `phase` (0-1) of a stride.

    gait (4,): factors of stride, arm swing, lean and knee bend; `orientation` turns the whole
    body; a small wobble comes from `rng`.
    """
    stride, swing, lean, knee = gait
    wave = np.sin(2 * np.pi * phase)
    pose = np.zeros((24, 3))
    wobble = rng.normal(0, np.deg2rad(2.0), (24, 3))
    for side, sign in ((0, 1.0), (1, -1.0)):
        hip = np.deg2rad(25.0) * stride * sign * wave
        pose[1 + side] = (-hip, 0.0, 0.0)
        lifted = np.clip(np.sin(2 * np.pi * phase + (0 if sign > 0 else np.pi) + 2.2), 0, 1)
        pose[4 + side] = (np.deg2rad(6 + 42 * knee * lifted), 0.0, 0.0)
        pose[7 + side] = (np.deg2rad(-6) * lifted, 0.0, 0.0)
        arm = np.deg2rad(20.0) * swing * sign * wave
        shoulder = Rotation.from_euler("x", arm) * Rotation.from_euler(
            "z", -sign * np.deg2rad(74.0)
        )
        pose[16 + side] = shoulder.as_rotvec()
        bend = np.deg2rad(14 + 14 * swing * max(0.0, -sign * wave))
        pose[18 + side] = (0.0, -sign * bend, 0.0)
    pose[3] = (np.deg2rad(4.0) * (lean - 0.8), np.deg2rad(4) * wave, 0.0)
    pose[9] = (0.0, -np.deg2rad(8) * wave, 0.0)
    pose[12] = (np.deg2rad(3.0) * lean, 0.0, 0.0)
    pose += wobble
    pose[0] = orientation.as_rotvec()
    return pose.reshape(72)
