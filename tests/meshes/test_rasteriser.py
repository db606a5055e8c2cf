"""The z-buffer against a plain loop over pixels."""

from __future__ import annotations

import numpy as np
import pytest

from gclbench.errors import ShapeError
from gclbench.meshes.rasteriser import Camera, draw, draw_smooth, to_screen, vertex_normals

CAMERA = Camera(focal=1.0)


def plain_draw(vertices, faces, attributes, camera, height, width):
    """Shoot a ray through every pixel centre and intersect every triangle."""
    image = np.zeros((height, width, attributes.shape[1]))
    depth = np.full((height, width), np.inf)
    for row in range(height):
        for column in range(width):
            x = (column + 0.5 - width / 2) / height - camera.shift_right
            y = (height / 2 - row - 0.5) / height - camera.shift_up
            ray = np.array([x, y, -camera.focal])
            for face in faces:
                a, b, c = vertices[face]
                system = np.stack([ray, a - b, a - c], axis=1)
                if abs(np.linalg.det(system)) < 1e-12:
                    continue
                t, wb, wc = np.linalg.solve(system, a)
                wa = 1 - wb - wc
                if min(wa, wb, wc) < 0 or t <= 0:
                    continue
                distance = t * camera.focal
                if distance < depth[row, column]:
                    depth[row, column] = distance
                    image[row, column] = (
                        wa * attributes[face[0]]
                        + wb * attributes[face[1]]
                        + wc * attributes[face[2]]
                    )
    return image, depth


def random_scene(seed: int, count: int = 6):
    rng = np.random.default_rng(seed)
    vertices = np.stack(
        [
            rng.uniform(-1.5, 1.5, 3 * count),
            rng.uniform(-1.5, 1.5, 3 * count),
            rng.uniform(-4, -1, 3 * count),
        ],
        axis=1,
    )
    return vertices, np.arange(3 * count).reshape(count, 3), rng.random((3 * count, 2))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("camera", [CAMERA, Camera(0.8, 0.11, -0.07)])
def test_drawing_equals_a_ray_for_every_pixel(seed: int, camera: Camera) -> None:
    vertices, faces, attributes = random_scene(seed)
    image, depth, mask = draw(vertices, faces, attributes, camera, 24, 16)
    expected, distance = plain_draw(vertices, faces, attributes, camera, 24, 16)
    np.testing.assert_array_equal(mask, np.isfinite(distance))
    np.testing.assert_allclose(depth[mask], distance[mask], rtol=1e-5)
    np.testing.assert_allclose(image, expected, atol=1e-5)


def test_the_order_of_faces_does_not_matter() -> None:
    vertices, faces, attributes = random_scene(3)
    forward = draw(vertices, faces, attributes, CAMERA, 32, 32)[0]
    backward = draw(vertices, faces[::-1], attributes, CAMERA, 32, 32)[0]
    np.testing.assert_array_equal(forward, backward)


def test_the_nearer_face_hides_the_farther() -> None:
    square = np.array([[-1, -1, 0], [3, -1, 0], [-1, 3, 0]], dtype=float)
    vertices = np.concatenate([square - np.array([0, 0, 3]), square - np.array([0, 0, 2])])
    shade = np.array([[1.0]] * 3 + [[2.0]] * 3)
    image, depth, mask = draw(vertices, np.array([[0, 1, 2], [3, 4, 5]]), shade, CAMERA, 8, 8)
    assert mask[3, 3]
    assert image[3, 3, 0] == pytest.approx(2.0)
    assert depth[3, 3] == pytest.approx(2.0)


def test_faces_behind_the_camera_or_outside_draw_nothing() -> None:
    triangle = np.array([[-1, -1, 2.0], [1, -1, 2.0], [0, 1, 2.0]])
    away = np.array([[50.0, 0, -2], [51, 0, -2], [50, 1, -2]])
    face, shade = np.array([[0, 1, 2]]), np.ones((3, 1))
    assert not draw(triangle, face, shade, CAMERA, 8, 8)[2].any()
    assert not draw(away, face, shade, CAMERA, 8, 8)[2].any()


def test_neighbouring_triangles_leave_no_gap() -> None:
    corners = np.array([[-5, -5, -2.0], [5, -5, -2.0], [5, 5, -2.0], [-5, 5, -2.0]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    assert draw(corners, faces, np.ones((4, 1)), CAMERA, 33, 17)[2].all()


def test_a_point_lands_where_the_camera_says() -> None:
    place = to_screen(np.array([[0.5, 0.25, -2.0]]), Camera(2.0, 0.1, 0.2), 100, 50)[0]
    np.testing.assert_allclose(place, [25 + 10 + 50, 50 - 20 - 25, 2.0])


def test_supersampling_gives_shares_of_coverage() -> None:
    # The half plane left of x = 0: with an odd width the middle column is half covered.
    vertices = np.array([[-9, -9, -1.0], [0, -9, -1.0], [0, 9, -1.0], [-9, 9, -1.0]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    image, cover = draw_smooth(vertices, faces, np.full((4, 1), 3.0), CAMERA, (4, 5), 4)
    np.testing.assert_allclose(cover[0], [1, 1, 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(image[..., 0], 3 * cover, atol=1e-5)


def test_normals_of_a_tetrahedron_point_outward_with_unit_length() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    normals = vertex_normals(vertices, faces)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-6)
    assert ((vertices - vertices.mean(axis=0)) * normals).sum(axis=1).min() > 0


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ShapeError, match="vertices"):
        draw(np.zeros((3, 2)), np.array([[0, 1, 2]]), np.zeros((3, 1)), CAMERA, 4, 4)
    with pytest.raises(ShapeError, match="attributes"):
        draw(np.zeros((3, 3)), np.array([[0, 1, 2]]), np.zeros((2, 1)), CAMERA, 4, 4)
