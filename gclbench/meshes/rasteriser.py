"""A z-buffer rasteriser in numba: no GL, one core, the same pixels on every machine.

Camera space is OpenGL's: x right, y up, the camera looks along -z. Lengths on the image are
measured in image heights, so one camera serves every image size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ShapeError
from gclbench.kernels.jit import jit

NEAR = 1e-3


@dataclass(frozen=True)
class Camera:
    """A perspective camera: `focal` and the principal point's shift, in image heights."""

    focal: float = 2.5
    shift_right: float = 0.0
    shift_up: float = 0.0


CAMERA = Camera()


@jit
def _fill(
    screen: NDArray[np.float64],
    faces: NDArray[np.int64],
    attributes: NDArray[np.float32],
    depth: NDArray[np.float32],
    image: NDArray[np.float32],
) -> None:
    """Draw triangles into `depth` and `image`. screen (V, 3): pixel x, pixel y, distance.

    Faces that turn towards the camera come first: what lies behind them is then told by one
    comparison.
    """
    height, width = depth.shape
    for towards in (True, False):
        for index in range(faces.shape[0]):
            a, b, c = faces[index, 0], faces[index, 1], faces[index, 2]
            xa, ya = screen[a, 0], screen[a, 1]
            xb, yb = screen[b, 0], screen[b, 1]
            xc, yc = screen[c, 0], screen[c, 1]
            area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
            if (area < 0.0) != towards:
                continue
            za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
            if za < NEAR or zb < NEAR or zc < NEAR:
                continue
            left = max(0, int(np.ceil(min(xa, xb, xc) - 0.5)))
            right = min(width - 1, int(np.floor(max(xa, xb, xc) - 0.5)))
            top = max(0, int(np.ceil(min(ya, yb, yc) - 0.5)))
            bottom = min(height - 1, int(np.floor(max(ya, yb, yc) - 0.5)))
            if left > right or top > bottom or abs(area) < 1e-12:
                continue
            ia, ib, ic = 1.0 / za, 1.0 / zb, 1.0 / zc
            inverse = 1.0 / area
            nearest = np.float32(0.999999 * min(za, zb, zc))  # no pixel of the face is nearer
            for row in range(top, bottom + 1):
                y = row + 0.5
                for column in range(left, right + 1):
                    if depth[row, column] < nearest:
                        continue
                    x = column + 0.5
                    wa = ((xb - x) * (yc - y) - (xc - x) * (yb - y)) * inverse
                    wb = ((xc - x) * (ya - y) - (xa - x) * (yc - y)) * inverse
                    wc = 1.0 - wa - wb
                    if min(wa, wb, wc) < 0.0:
                        continue
                    z = 1.0 / (wa * ia + wb * ib + wc * ic)
                    if z >= depth[row, column]:
                        continue
                    depth[row, column] = z
                    for k in range(attributes.shape[1]):
                        image[row, column, k] = z * (
                            wa * ia * attributes[a, k]
                            + wb * ib * attributes[b, k]
                            + wc * ic * attributes[c, k]
                        )


@jit
def _normals(
    vertices: NDArray[np.float32], faces: NDArray[np.int64], out: NDArray[np.float32]
) -> None:
    for index in range(faces.shape[0]):
        a, b, c = faces[index, 0], faces[index, 1], faces[index, 2]
        ux, vx = vertices[b, 0] - vertices[a, 0], vertices[c, 0] - vertices[a, 0]
        uy, vy = vertices[b, 1] - vertices[a, 1], vertices[c, 1] - vertices[a, 1]
        uz, vz = vertices[b, 2] - vertices[a, 2], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for vertex in (a, b, c):
            out[vertex, 0] += nx
            out[vertex, 1] += ny
            out[vertex, 2] += nz
    for vertex in range(out.shape[0]):
        length = np.sqrt(out[vertex, 0] ** 2 + out[vertex, 1] ** 2 + out[vertex, 2] ** 2)
        if length > 0.0:
            for k in range(3):
                out[vertex, k] /= length


@jit
def _boxed(
    fine: NDArray[np.float32],
    depth: NDArray[np.float32],
    samples: int,
    box: tuple[int, int, int, int],
    image: NDArray[np.float32],
    cover: NDArray[np.float32],
) -> None:
    """Average blocks of samples x samples; `cover` is the share of samples that hit something."""
    share = np.float32(1.0 / (samples * samples))
    top, bottom, left, right = box
    for row in range(top // samples, bottom // samples + 1):
        for column in range(left // samples, right // samples + 1):
            hits = 0
            for i in range(row * samples, (row + 1) * samples):
                for j in range(column * samples, (column + 1) * samples):
                    if depth[i, j] < np.inf:
                        hits += 1
                        for k in range(fine.shape[2]):
                            image[row, column, k] += fine[i, j, k]
            if hits > 0:
                cover[row, column] = np.float32(hits) * share
                for k in range(fine.shape[2]):
                    image[row, column, k] *= share


@jit
def _box(screen: NDArray[np.float64], height: int, width: int) -> tuple[int, int, int, int]:
    """First and last row, first and last column that points (V, 3) may touch; last < first: none.

    Points behind the camera count too: no face that reaches there is drawn.
    """
    top, bottom, left, right = np.inf, -np.inf, np.inf, -np.inf
    for v in range(screen.shape[0]):
        left, right = min(left, screen[v, 0]), max(right, screen[v, 0])
        top, bottom = min(top, screen[v, 1]), max(bottom, screen[v, 1])
    if not (top <= height and bottom >= 0 and left <= width and right >= 0):
        return 0, -1, 0, -1
    return (
        int(max(0.0, top)),
        int(min(height - 1.0, bottom)),
        int(max(0.0, left)),
        int(min(width - 1.0, right)),
    )


@jit
def _project(
    points: NDArray[np.float64], focal: float, x: float, y: float, screen: NDArray[np.float64]
) -> None:
    for v in range(points.shape[0]):
        distance = -points[v, 2]
        scale = focal / (distance if distance > NEAR else 1.0)
        screen[v, 0] = x + scale * points[v, 0]
        screen[v, 1] = y - scale * points[v, 1]
        screen[v, 2] = distance


def vertex_normals(vertices: NDArray[np.float32], faces: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return area-weighted unit normals (V, 3); a vertex without faces gets zeros."""
    out = np.zeros((len(vertices), 3), dtype=np.float32)
    _normals(np.ascontiguousarray(vertices, dtype=np.float32), faces, out)
    return out


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
    _project(points, camera.focal * height_px, x, y, screen)
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
    _boxed(fine, depth, supersample, _box(screen, *size), image, cover)
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
    _fill(
        screen,
        np.ascontiguousarray(faces, dtype=np.int64),
        np.ascontiguousarray(attributes, dtype=np.float32),
        depth,
        image,
    )
    return image, depth, screen
