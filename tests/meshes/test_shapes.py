"""Closed surfaces: watertight, oriented outward."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from gclbench.meshes.shapes import Surface, ellipsoid, mirrored, tube

SURFACES = {
    "tube_x": tube(0, [(0.0, 0.2, 0.3), (0.5, 0.3, 0.2, 0.1, 0.0), (1.0, 0.2, 0.2)], 6, 9),
    "tube_y": tube(1, [(0.0, 0.2, 0.3), (1.0, 0.2, 0.2)], 5, 8, square=0.6),
    "tube_z": tube(2, [(0.0, 0.2, 0.3), (1.0, 0.2, 0.2)], 5, 8),
    "ellipsoid": ellipsoid((0.1, 0.2, 0.3), (0.5, 1.0, 2.0)),
    "mirrored": mirrored(ellipsoid((0.5, 0.0, 0.0), (0.2, 0.3, 0.4))),
}


def volume(surface: Surface) -> float:
    a, b, c = (surface.vertices[surface.faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("name", sorted(SURFACES))
def test_every_edge_is_shared_by_two_faces_in_opposite_directions(name: str) -> None:
    edges = Counter()
    for face in SURFACES[name].faces:
        for k in range(3):
            edges[int(face[k]), int(face[(k + 1) % 3])] += 1
    assert set(edges.values()) == {1}
    assert all((b, a) in edges for a, b in edges)


@pytest.mark.parametrize("name", sorted(SURFACES))
def test_faces_look_outward(name: str) -> None:
    assert volume(SURFACES[name]) > 0


def test_ellipsoid_has_nearly_the_volume_of_the_formula() -> None:
    surface = ellipsoid((0.0, 0.0, 0.0), (0.5, 1.0, 2.0), rings=25, segments=40)
    assert volume(surface) == pytest.approx(4 / 3 * np.pi * 0.5 * 1.0 * 2.0, rel=0.03)


def test_stations_give_radii_and_centres() -> None:
    surface = tube(1, [(0.0, 0.1, 0.2, 0.5, -0.5), (1.0, 0.3, 0.4, 0.5, -0.5)], 3, 4)
    first = surface.vertices[:4]
    np.testing.assert_allclose(first[0], [-0.5, 0.0, 0.6], atol=1e-12)
    np.testing.assert_allclose(first[1], [-0.3, 0.0, 0.5], atol=1e-12)
    np.testing.assert_allclose(surface.centres[:4], [[-0.5, 0.0, 0.5]] * 4, atol=1e-12)


def test_mirroring_twice_returns_the_surface() -> None:
    surface = SURFACES["tube_x"]
    again = mirrored(mirrored(surface))
    np.testing.assert_array_equal(again.vertices, surface.vertices)
    np.testing.assert_array_equal(again.faces, surface.faces)
