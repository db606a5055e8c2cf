"""An SMPL-sized mesh, drawn by the rasteriser and by pyrender."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gclbench.meshes import projections, pyrender_backend, renderer
from gclbench.meshes.rasteriser import CAMERA, draw

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.rasteriser")


def placed(bodies: Any, angle_deg: float) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces = bodies.smpl_sized_body()
    points = projections.turned(vertices, angle_deg, np.zeros(3)) + np.array([0, 0, -5.0])
    return points.astype(np.float32), faces


def test_the_mesh_has_the_size_of_smpl_and_is_closed(bodies: Any) -> None:
    vertices, faces = bodies.smpl_sized_body()
    assert (vertices.shape, faces.shape) == ((6890, 3), (13776, 3))
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()


def test_faces_drawn_back_to_front_give_the_same_picture(bodies: Any) -> None:
    points, faces = placed(bodies, 40.0)
    colours = np.random.default_rng(0).uniform(0, 255, (len(points), 3))
    one = draw(points, faces, colours, CAMERA, 128, 64)
    two = draw(points, faces[::-1, [1, 0, 2]], colours, CAMERA, 128, 64)
    np.testing.assert_allclose(one[1], two[1], rtol=1e-6)
    assert (np.abs(one[0] - two[0]) > 0.01).mean() < 1e-3


def test_pixels_equal_rays_through_every_face(bodies: Any) -> None:
    points, faces = placed(bodies, 25.0)
    _, depth, mask = draw(points, faces, np.ones((len(points), 1)), CAMERA, 64, 32)
    corners = points[faces].astype(np.float64)
    first, one, two = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    for row, column in [(32, 16), (20, 14), (40, 18), (8, 16), (5, 2), (60, 28)]:
        ray = np.array([column + 0.5 - 16, 32 - row - 0.5, -CAMERA.focal * 64])
        # Moeller and Trumbore's test, all faces at once.
        across = np.cross(ray, two)
        size = (one * across).sum(axis=1)
        u = (-first * across).sum(axis=1) / size
        turned = np.cross(-first, one)
        v = (ray * turned).sum(axis=1) / size
        t = (two * turned).sum(axis=1) / size
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
        assert mask[row, column] == hit.any()
        if hit.any():
            assert depth[row, column] == pytest.approx(t[hit].min() * CAMERA.focal * 64, rel=1e-5)


def test_the_rasteriser_and_pyrender_agree(bodies: Any) -> None:
    if renderer.available() is None:
        pytest.skip("no off-screen OpenGL on this machine")
    ours, theirs = [], []
    for angle in (0.0, 77.0, 215.0):
        points, faces = placed(bodies, angle)
        ours.append(projections.draw_gray(points, faces, CAMERA, 256, 128))
        theirs.append(pyrender_backend.draw_gray(points, faces, CAMERA, 256, 128))
    overlap, close = bodies.agreement(np.stack(ours), np.stack(theirs))
    assert overlap > 0.98
    assert close >= 0.99
