"""Draw planned images: pose, frame, shade, put before the scene, pass through the camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gclbench.datasets.synthetic.appearance import paint, visible_faces
from gclbench.datasets.synthetic.cameras import SceneCamera, background
from gclbench.datasets.synthetic.shot import Shot
from gclbench.datasets.synthetic.shots import World
from gclbench.meshes.bodies import Body, load_body
from gclbench.meshes.rasteriser import CAMERA, draw_smooth, vertex_normals

ALL_ANGLES = tuple(range(8))
_CHUNK = 64
Single = NDArray[np.float32]


class Renderer:
    """Draws the shots of a world; keeps the colours and faces of the people it met."""

    def __init__(self, world: World, height_px: int, width_px: int) -> None:
        self.world = world
        self.size = (height_px, width_px)
        self.body: Body = load_body()
        self._looks: dict[int, tuple[Single, NDArray[np.int64]]] = {}

    def views(
        self, shots: Sequence[Shot], angles: Sequence[int] = (0,)
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield uint8 (len(angles), H, W, 3) for each shot, turned by angle * 45 degrees.

        Camera, light and exposure stay those of the shot. A turned view (angle > 0) has another
        window of the camera's scene behind it and noise of its own, as if the camera had walked
        around the person: otherwise two views of one image could be matched by their backgrounds.
        """
        for first in range(0, len(shots), _CHUNK):
            part = shots[first : first + _CHUNK]
            vertices, _ = self.place(part, *parameters(self.world, part))
            for shot, mesh in zip(part, vertices, strict=True):
                yield self._draw(shot, mesh, angles)

    def place(
        self, shots: Sequence[Shot], pose: NDArray[np.float32], betas: NDArray[np.float32]
    ) -> tuple[Single, Single]:
        """Return vertices (N, V, 3) framed in camera space, and their translations (N, 3)."""
        vertices = self.body.vertices(pose, betas)
        count = self.body.body_vertices
        moves = np.stack(
            [framing(mesh[:count], shot) for mesh, shot in zip(vertices, shots, strict=True)]
        )
        return vertices + moves[:, None], moves

    def _look(self, person: int) -> tuple[Single, NDArray[np.int64]]:
        if person not in self._looks:
            who = self.world.people[person]
            self._looks[person] = (paint(self.body, who), visible_faces(self.body, who))
        return self._looks[person]

    def _draw(self, shot: Shot, mesh: Single, angles: Sequence[int]) -> NDArray[np.uint8]:
        camera = self.world.camera_of(shot)
        colours, faces = self._look(shot.person)
        normals = vertex_normals(mesh, faces)
        pivot = mesh[: self.body.body_vertices].mean(axis=0)
        out = np.empty((len(angles), *self.size, 3), dtype=np.uint8)
        for index, angle in enumerate(angles):
            behind, noise = self._surroundings(shot, camera, angle)
            turn = vertical_turn(camera, 45.0 * angle)
            picture = behind
            if not shot.empty:
                shade = self._shade(normals @ turn.T, camera)
                points = (mesh - pivot) @ turn.T + pivot
                image, cover = draw_smooth(points, faces, colours * shade, CAMERA, self.size)
                picture = image + (1 - cover[..., None]) * behind
            seen = picture * camera.gain * shot.exposure + noise
            out[index] = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
        return out

    def _surroundings(
        self, shot: Shot, camera: SceneCamera, angle: int
    ) -> tuple[Single, NDArray[np.float64]]:
        """Background and sensor noise (H, W, 3) of a view; angle 0 is the shot itself."""
        seed = [shot.noise_seed, angle] if angle else shot.noise_seed
        rng = np.random.Generator(np.random.PCG64(seed))
        noise = rng.normal(0, self.world.spec.noise_sd, (*self.size, 3))
        offset, lift = rng.random(2) if angle else (shot.scene_offset, shot.scene_lift)
        return background(camera, *self.size, float(offset), float(lift)), noise

    def _shade(self, normals: NDArray[np.floating[Any]], camera: SceneCamera) -> Single:
        strength = self.world.spec.light_strength
        lit = np.clip(normals @ camera.light, 0, 1)
        sky = 0.5 + 0.5 * normals[:, 1]
        return (1.02 - strength + strength * (0.8 * lit + 0.35 * sky))[:, None].astype(np.float32)


def vertical_turn(camera: SceneCamera, angle_deg: float) -> NDArray[np.float64]:
    """Rotation (3, 3) in camera space about the true vertical, which the camera's pitch tilts."""
    tilt = Rotation.from_euler("x", camera.pitch_deg, degrees=True)
    turn = tilt * Rotation.from_euler("y", angle_deg, degrees=True) * tilt.inv()
    return np.asarray(turn.as_matrix(), dtype=np.float64)


def parameters(
    world: World, shots: Sequence[Shot]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the true pose (N, 72) and betas (N, 10) of shots."""
    pose = np.stack([shot.pose for shot in shots]).astype(np.float32)
    betas = np.stack([world.people[shot.person].betas for shot in shots]).astype(np.float32)
    return pose, betas


def framing(body: Single, shot: Shot) -> Single:
    """Translation (3,) that frames a body (V, 3) as a detector's box would."""
    low, high = body.min(axis=0), body.max(axis=0)
    middle = (low + high) / 2
    distance = CAMERA.focal * (high[1] - low[1]) / shot.fill
    shift = np.array([shot.shift_right, shot.shift_up]) * distance / CAMERA.focal
    return np.array(
        [shift[0] - middle[0], shift[1] - middle[1], -distance - middle[2]], dtype=np.float32
    )
