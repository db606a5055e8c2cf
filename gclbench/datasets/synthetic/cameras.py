"""Cameras of a twin: pitch, light, colour response and a smooth scene behind the people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from gclbench.datasets.synthetic.spec import TwinSpec

Floats = NDArray[np.float64]
_SCENE = (32, 64)  # coarse scene cells: height, width


@dataclass(frozen=True)
class SceneCamera:
    """One camera.

    light (3,) is a unit vector towards the light, gain (3,) the colour response, scene (32, 64, 3)
    the background, 0-255.
    """

    yaw_centre_deg: float
    pitch_deg: float
    light: Floats
    gain: Floats
    scene: Floats


def make_cameras(spec: TwinSpec, rng: np.random.Generator) -> list[SceneCamera]:
    """Draw the cameras of a twin; one generator gives them all."""
    cameras = []
    for yaw in spec.yaw_centres_deg:
        direction = np.array([rng.uniform(-0.8, 0.8), rng.uniform(0.5, 1.0), rng.uniform(0.4, 1)])
        tint = 1 + spec.warmth * np.array([1.0, 0.0, -1.0])
        gain = spec.brightness * tint * (1 + rng.normal(0, spec.camera_colour_sd, 3))
        gain = gain * (1 + rng.normal(0, spec.camera_exposure_sd))
        cameras.append(
            SceneCamera(
                yaw_centre_deg=yaw,
                pitch_deg=float(rng.uniform(*spec.pitch_deg)),
                light=direction / np.linalg.norm(direction),
                gain=gain,
                scene=_scene(spec, rng),
            )
        )
    return cameras


def _scene(spec: TwinSpec, rng: np.random.Generator) -> Floats:
    """A wall above a ground with a soft border and low-frequency texture."""
    height, width = _SCENE
    wall = np.array(spec.wall) + rng.normal(0, spec.background_colour_sd, 3)
    ground = np.array(spec.ground) + rng.normal(0, spec.background_colour_sd, 3)
    border = rng.uniform(0.35, 0.65)
    blend = 1 / (1 + np.exp(-(np.arange(height) / height - border) / 0.05))
    scene = wall + blend[:, None, None] * (ground - wall) + np.zeros((height, width, 3))
    for cells in ((4, 8), (8, 16)):
        coarse = rng.normal(0, 1, (*cells, 1)) + 0.4 * rng.normal(0, 1, (*cells, 3))
        factors = (height / cells[0], width / cells[1], 1)
        scene += spec.background_texture * 0.6 * zoom(coarse, factors, order=3, mode="nearest")
    return scene


def background(
    camera: SceneCamera, height_px: int, width_px: int, offset: float, lift: float
) -> NDArray[np.float32]:
    """Cut (H, W, 3), 0-255, from the camera's scene; offset and lift in 0-1 move the window."""
    rows, columns = (
        camera.scene.shape[0] * 0.85,
        camera.scene.shape[0] * 0.85 * width_px / height_px,
    )
    y = lift * (camera.scene.shape[0] - 1 - rows) + (np.arange(height_px) + 0.5) / height_px * rows
    x = offset * (camera.scene.shape[1] - 1 - columns)
    x = x + (np.arange(width_px) + 0.5) / width_px * columns
    return _bilinear(camera.scene, y, x).astype(np.float32)


def _bilinear(scene: Floats, y: Floats, x: Floats) -> Floats:
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, right = (y - top)[:, None, None], (x - left)[None, :, None]
    bottom = np.minimum(top + 1, scene.shape[0] - 1)
    beside = np.minimum(left + 1, scene.shape[1] - 1)
    upper = scene[top][:, left] * (1 - right) + scene[top][:, beside] * right
    lower = scene[bottom][:, left] * (1 - right) + scene[bottom][:, beside] * right
    return upper * (1 - down) + lower * down
