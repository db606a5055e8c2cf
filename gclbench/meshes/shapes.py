"""Closed surfaces from which the stand-in body is assembled: tubes with elliptic rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """A closed triangle surface.

    vertices (V, 3) metres; faces (F, 3), counter-clockwise from outside; centres (V, 3), for every
    vertex the point of the part's axis that it surrounds.
    """

    vertices: Array
    faces: NDArray[np.int64]
    centres: Array


def tube(
    along: int, stations: Sequence[Sequence[float]], rings: int, segments: int, square: float = 1.0
) -> Surface:
    """Return a closed tube along axis `along` (0 = x, 1 = y, 2 = z).

    A station is (position, radius_a, radius_b, centre_a, centre_b), a and b being the other axes
    in cyclic order; between stations all are interpolated monotonically. `square` below 1
    flattens the sides (superellipse exponent 2 / square).
    """
    table = np.array([list(row) + [0.0] * (5 - len(row)) for row in stations])
    place = np.linspace(table[0, 0], table[-1, 0], rings)
    profile = PchipInterpolator(table[:, 0], table[:, 1:], axis=0)(place)
    angle = np.arange(segments) * (2 * np.pi / segments)
    cos, sin = (np.sign(v) * np.abs(v) ** square for v in (np.cos(angle), np.sin(angle)))
    axis_a, axis_b = (along + 1) % 3, (along + 2) % 3
    centres = np.zeros((rings, segments, 3))
    centres[..., along] = place[:, None]
    centres[..., axis_a] = profile[:, 2, None]
    centres[..., axis_b] = profile[:, 3, None]
    vertices = centres.copy()
    vertices[..., axis_a] += profile[:, 0, None] * cos
    vertices[..., axis_b] += profile[:, 1, None] * sin
    poles = centres[[0, -1], 0]
    return Surface(
        np.concatenate([vertices.reshape(-1, 3), poles]),
        _tube_faces(rings, segments),
        np.concatenate([centres.reshape(-1, 3), poles]),
    )


def ellipsoid(
    centre: Sequence[float],
    radii: Sequence[float],
    rings: int = 9,
    segments: int = 14,
    square: float = 1.0,
) -> Surface:
    """Return a closed ellipsoid (or rounded box, `square` below 1) standing along the y axis."""
    height = np.sin(np.linspace(-np.pi / 2, np.pi / 2, rings)[1:-1])
    stations = []
    for place in [-0.998, *height, 0.998]:
        shrink = (1 - abs(place) ** (2 / square)) ** (square / 2)
        stations.append(
            (
                centre[1] + radii[1] * place,
                radii[2] * shrink,
                radii[0] * shrink,
                centre[2],
                centre[0],
            )
        )
    return tube(1, stations, rings + 4, segments, square)


def mirrored(surface: Surface) -> Surface:
    """Return the surface reflected at x = 0, with faces that still look outward."""
    flip = np.array([-1.0, 1.0, 1.0])
    return Surface(surface.vertices * flip, surface.faces[:, ::-1].copy(), surface.centres * flip)


def _tube_faces(rings: int, segments: int) -> NDArray[np.int64]:
    faces = []
    low, high = rings * segments, rings * segments + 1
    for j in range(segments):
        k = (j + 1) % segments
        for i in range(rings - 1):
            a, b = i * segments + j, i * segments + k
            c, d = a + segments, b + segments
            faces += [(a, b, c), (b, d, c)]
        faces.append((low, k, j))
        faces.append((high, (rings - 1) * segments + j, (rings - 1) * segments + k))
    return np.array(faces, dtype=np.int64)
