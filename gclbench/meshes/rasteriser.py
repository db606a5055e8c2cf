"""A z-buffer rasteriser: no GL, one core, the same pixels from the same vertices.

Camera space is OpenGL's: x right, y up, the camera looks along -z. Lengths on the image are
measured in image heights, so one camera serves every image size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ShapeError
from gclbench.kernels.raster import average_samples, box_of, fill, normals, project


@dataclass(frozen=True)
class Camera:
    """A perspective camera: `focal` and the principal point's shift, in image heights."""

    focal: float = 2.5
    shift_right: float = 0.0
    shift_up: float = 0.0


CAMERA = Camera()


def vertex_normals(vertices: NDArray[np.float32], faces: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return area-weighted unit normals (V, 3); a vertex without faces gets zeros."""
    out = np.zeros((len(vertices), 3), dtype=np.float32)
    normals(np.ascontiguousarray(vertices, dtype=np.float32), faces, out)
    return out


def gray_levels(normals: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Light-gray shade (V, 1), 0-255, of unit normals (V, 3) lit from the camera's side."""
    light = np.array([0.25, 0.45, 0.86])
    facing = np.clip(normals @ (light / np.linalg.norm(light)), 0, 1)
    return (90.0 + 125.0 * facing)[:, None].astype(np.float32)


def to_screen(
    vertices: NDArray[np.floating[Any]], camera: Camera, height_px: int, width_px: int
) -> NDArray[np.float64]:
    """Project camera-space points (V, 3) to (pixel x, pixel y, distance); y grows downward."""
    points = np.ascontiguousarray(vertices, dtype=np.float64)
    screen = np.empty_like(points)
    x, y = (
        width_px / 2 + camera.shift_right * height_px,
        height_px / 2 - camera.shift_up * height_px,
    )
    project(points, camera.focal * height_px, x, y, screen)
    return screen


def draw(
    vertices: NDArray[np.floating[Any]],
    faces: NDArray[np.int64],
    attributes: NDArray[np.floating[Any]],
    camera: Camera,
    height_px: int,
    width_px: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Draw a mesh and return (image (H, W, C) float32, depth (H, W) float32, mask (H, W) bool).

    vertices (V, 3) camera space; faces (F, 3); attributes (V, C), interpolated with perspective
    (colours per vertex give Gouraud shading). Both sides of a face are drawn; faces that reach
    behind the camera are left out. Empty pixels: image 0, depth infinity, mask False. Raises
    ShapeError.
    """
    image, depth, _ = _draw(vertices, faces, attributes, camera, height_px, width_px)
    return image, depth, np.isfinite(depth)


def samples_for(height_px: int) -> int:
    """Samples per pixel side of a projection: more on small images, where one pixel is a limb."""
    return 4 if height_px < 128 else 2


def draw_smooth(
    vertices: NDArray[np.floating[Any]],
    faces: NDArray[np.int64],
    attributes: NDArray[np.floating[Any]],
    camera: Camera,
    size_px: tuple[int, int],
    supersample: int = 2,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw with `supersample`^2 samples a pixel; return (image (H, W, C), coverage (H, W)).

    The image is multiplied by the coverage: over a background b the picture is
    `image + (1 - coverage) * b`.
    """
    height, width = size_px
    size = height * supersample, width * supersample
    fine, depth, screen = _draw(vertices, faces, attributes, camera, *size)
    image = np.zeros((height, width, fine.shape[2]), dtype=np.float32)
    cover = np.zeros((height, width), dtype=np.float32)
    average_samples(fine, depth, supersample, box_of(screen, *size), image, cover)
    return image, cover


def _draw(
    vertices: NDArray[np.floating[Any]],
    faces: NDArray[np.int64],
    attributes: NDArray[np.floating[Any]],
    camera: Camera,
    height_px: int,
    width_px: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Return image and depth as `draw` does, and the vertices on the screen (V, 3)."""
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise ShapeError(f"vertices must be (V, 3), not {vertices.shape}.")
    if attributes.ndim != 2 or len(attributes) != len(vertices):
        raise ShapeError(f"attributes must be ({len(vertices)}, C), not {attributes.shape}.")
    depth = np.full((height_px, width_px), np.inf, dtype=np.float32)
    image = np.zeros((height_px, width_px, attributes.shape[1]), dtype=np.float32)
    screen = to_screen(vertices, camera, height_px, width_px)
    fill(
        screen,
        np.ascontiguousarray(faces, dtype=np.int64),
        np.ascontiguousarray(attributes, dtype=np.float32),
        depth,
        image,
    )
    return image, depth, screen
