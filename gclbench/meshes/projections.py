"""Gray projections of a body from eight sides: the structure input of GCL's generator.

GCL draws the estimated body from its own view and turned by 45 ... 315 degrees about the vertical
axis through the vertex mean, light gray on white (GCL+, arXiv 2301.00725, section 3.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ShapeError
from gclbench.kernels.jit import over_rows
from gclbench.meshes import pyrender_backend
from gclbench.meshes.rasteriser import (
    CAMERA,
    Camera,
    draw_smooth,
    gray_levels,
    samples_for,
    vertex_normals,
)
from gclbench.meshes.renderer import Renderer

ANGLES = 8


def turned(
    vertices: NDArray[np.floating[Any]], angle_deg: float, pivot: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    """Turn points (V, 3) about the y axis through `pivot` (3,); counter-clockwise from above."""
    radians = np.deg2rad(angle_deg)
    cos, sin = np.cos(radians), np.sin(radians)
    turn = np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
    return ((vertices - pivot) @ turn.T + pivot).astype(np.float32)


def project(
    body_vertices: NDArray[np.floating[Any]],
    faces: NDArray[np.int64],
    height_px: int,
    width_px: int,
    renderer: Renderer,
    camera: Camera = CAMERA,
) -> NDArray[np.uint8]:
    """Draw N bodies from 8 sides: (N, V, 3) camera space, faces (F, 3) -> uint8 (N, 8, H, W).

    Index a is turned by a * 45 degrees; index 0 overlays the person in the body's image. The
    rasteriser draws bodies on as many threads as torch uses, the same bytes on any number.
    Raises ShapeError for other shapes.
    """
    if body_vertices.ndim != 3 or body_vertices.shape[2] != 3:
        raise ShapeError(f"body_vertices must be (N, V, 3), not {body_vertices.shape}.")
    draw = pyrender_backend.draw_gray if renderer == "pyrender" else draw_gray
    out = np.empty((len(body_vertices), ANGLES, height_px, width_px), dtype=np.uint8)

    def views(start: int, stop: int) -> None:
        for index in range(start, stop):
            body = body_vertices[index]
            pivot = body.mean(axis=0)
            for angle in range(ANGLES):
                points = turned(body, 45.0 * angle, pivot)
                out[index, angle] = draw(points, faces, camera, height_px, width_px)

    if renderer == "pyrender":  # a GL context belongs to one thread
        views(0, len(body_vertices))
    else:
        over_rows(views, len(body_vertices), chunk=1)
    return out


def draw_gray(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int64],
    camera: Camera,
    height_px: int,
    width_px: int,
) -> NDArray[np.uint8]:
    """Draw one body as light gray on white with the rasteriser, uint8 (H, W)."""
    shade = gray_levels(vertex_normals(vertices, faces))
    image, cover = draw_smooth(
        vertices, faces, shade, camera, (height_px, width_px), samples_for(height_px)
    )
    return np.rint(image[..., 0] + 255.0 * (1.0 - cover)).astype(np.uint8)
