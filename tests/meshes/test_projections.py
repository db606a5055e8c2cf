"""Eight gray projections of a body, by both renderers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gclbench.errors import ShapeError
from gclbench.meshes import projections, renderer
from gclbench.meshes.bodies import load_body
from gclbench.meshes.projections import project, turned
from gclbench.meshes.rasteriser import CAMERA


@pytest.fixture(scope="module")
def bodies() -> NDArray[np.float32]:
    body = load_body()
    pose = np.zeros((2, 72))
    pose[:, 3 * 16 + 2], pose[:, 3 * 17 + 2] = -1.2, 1.2
    pose[1, :3], pose[1, 3] = (0.05, 0.9, 0.0), -0.5
    betas = np.zeros((2, 10))
    betas[1, :3] = 1.0
    vertices = body.vertices(pose, betas)[:, : body.body_vertices]
    return vertices + np.array([0.02, 0.09, -4.8], dtype=np.float32)


@pytest.fixture(scope="module")
def drawn(bodies: NDArray[np.float32]) -> NDArray[np.uint8]:
    return project(bodies, load_body().faces, 64, 32, "raster")


def test_projections_are_gray_bodies_on_white(drawn: NDArray[np.uint8]) -> None:
    assert drawn.shape == (2, 8, 64, 32)
    assert drawn.dtype == np.uint8
    assert (drawn[:, :, 0, 0] == 255).all()
    body_share = (drawn < 230).mean(axis=(2, 3))
    assert body_share.min() > 0.08
    assert body_share.max() < 0.5
    assert drawn.min() >= 85


def test_index_zero_is_the_own_view(bodies: NDArray[np.float32], drawn: NDArray[np.uint8]) -> None:
    own = projections.draw_gray(bodies[1], load_body().faces, CAMERA, 64, 32)
    np.testing.assert_array_equal(drawn[1, 0], own)


def test_index_a_is_the_body_turned_by_45_degrees_each(
    bodies: NDArray[np.float32], drawn: NDArray[np.uint8]
) -> None:
    for angle in (1, 3, 6):
        pivot = bodies[1].mean(axis=0)
        mesh = turned(bodies[1], 45.0 * angle, pivot)
        again = projections.draw_gray(mesh, load_body().faces, CAMERA, 64, 32)
        np.testing.assert_array_equal(drawn[1, angle], again)


def test_the_number_of_threads_changes_no_byte(
    bodies: NDArray[np.float32], drawn: NDArray[np.uint8]
) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 if threads == 1 else 1)
        assert (project(bodies, load_body().faces, 64, 32, "raster") == drawn).all()
    finally:
        torch.set_num_threads(threads)


def test_turning_moves_the_front_to_the_right_of_the_image() -> None:
    front = turned(np.array([[0.0, 0.0, 1.0]]), 90.0, np.zeros(3))
    np.testing.assert_allclose(front, [[1.0, 0.0, 0.0]], atol=1e-6)


def test_eight_turns_return_the_body(bodies: NDArray[np.float32]) -> None:
    mesh, pivot = bodies[0], bodies[0].mean(axis=0)
    for _ in range(8):
        mesh = turned(mesh, 45.0, pivot)
    np.testing.assert_allclose(mesh, bodies[0], atol=1e-5)


def test_pyrender_and_the_rasteriser_agree(
    bodies: NDArray[np.float32], drawn: NDArray[np.uint8]
) -> None:
    if renderer.available() is None:
        pytest.skip("no off-screen OpenGL on this machine")
    faces = load_body().faces
    for own, size in (
        (drawn, (64, 32)),
        (project(bodies[:1], faces, 256, 128, "raster"), (256, 128)),
    ):
        other = project(bodies[: len(own)], faces, *size, "pyrender")
        ours, theirs = own < 240, other < 240
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.98
        assert np.abs(own.astype(int) - other).mean() < 1.0


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ShapeError, match="body_vertices"):
        project(np.zeros((4, 3)), np.zeros((1, 3), dtype=np.int64), 8, 4, "raster")
