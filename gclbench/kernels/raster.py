"""The loops of the rasteriser: projection, a z-buffer, averages of samples, normals.

See `gclbench.meshes.rasteriser`, which calls them; camera space is OpenGL's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclbench.kernels.jit import jit

NEAR = 1e-3


@jit
def fill(
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
def normals(
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
def average_samples(
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
def box_of(screen: NDArray[np.float64], height: int, width: int) -> tuple[int, int, int, int]:
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
def project(
    points: NDArray[np.float64], focal: float, x: float, y: float, screen: NDArray[np.float64]
) -> None:
    for v in range(points.shape[0]):
        distance = -points[v, 2]
        scale = focal / (distance if distance > NEAR else 1.0)
        screen[v, 0] = x + scale * points[v, 0]
        screen[v, 1] = y - scale * points[v, 1]
        screen[v, 2] = distance
