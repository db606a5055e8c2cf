"""Gray projections of an SMPL-sized body: our rasteriser against pyrender off-screen.

The mesh has SMPL's 6,890 vertices and 13,776 faces (a closed surface: 82 segments x 84 rings and
two poles, drawn in and out to a standing figure), so that no licensed file is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Literal
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Arrays, Side, markdown, measure

RINGS, SEGMENTS = 84, 82
DISTANCE_M = 5.0
CASES = {
    "small": ((64, 32, 1, 1, 2),),
    "full": (
        (256, 128, 1, 16, 2),
        (256, 128, 2, 16, 2),
        (256, 128, 1, 16, 1),
        (256, 128, 2, 16, 1),
        (128, 64, 2, 16, 2),
        (64, 32, 4, 16, 2),
    ),
}


def smpl_sized_body() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return vertices (6890, 3) in metres about the origin, y up, and faces (13776, 3)."""
    height = np.linspace(-0.86, 0.86, RINGS)
    turn = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)
    # Half widths from the feet to the crown: legs, hips, waist, shoulders, neck, head.
    at = [-0.9, -0.5, -0.05, 0.1, 0.45, 0.55, 0.62, 0.75, 0.9]
    wide = np.interp(height, at, [0.10, 0.13, 0.18, 0.14, 0.22, 0.08, 0.07, 0.10, 0.03])
    deep = np.interp(height, at, [0.08, 0.09, 0.12, 0.10, 0.12, 0.07, 0.07, 0.11, 0.03])
    rings = np.stack(
        [
            wide[:, None] * np.cos(turn) * (1 + 0.1 * np.cos(3 * turn)),
            np.broadcast_to(height[:, None], (RINGS, SEGMENTS)),
            deep[:, None] * np.sin(turn),
        ],
        axis=-1,
    ).reshape(-1, 3)
    vertices = np.concatenate([rings, [[0, -0.9, 0], [0, 0.9, 0]]]).astype(np.float32)
    grid = np.arange(RINGS * SEGMENTS).reshape(RINGS, SEGMENTS)
    next_one = np.roll(grid, -1, axis=1)
    low, right, up, both = grid[:-1], next_one[:-1], grid[1:], next_one[1:]
    sides = [np.stack([low, up, right], -1), np.stack([right, up, both], -1)]
    feet, crown = len(rings), len(rings) + 1
    ends = [
        np.stack([np.full(SEGMENTS, feet), grid[0], next_one[0]], -1),
        np.stack([np.full(SEGMENTS, crown), next_one[-1], grid[-1]], -1),
    ]
    faces = np.concatenate([*(part.reshape(-1, 3) for part in sides), *ends])
    return vertices, faces.astype(np.int64)


def ours(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from gclbench.meshes import projections

    projections.samples_for = lambda height_px: case["samples"]
    return _work("raster", case)


def pyrender(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from gclbench.meshes import rasteriser

    rasteriser.samples_for = lambda height_px: case["samples"]
    return _work("pyrender", case)


def report(sizes: str) -> str:
    from gclbench.meshes.renderer import available

    heading = "## Projections of an SMPL-sized mesh\n\n"
    if available() is None:
        return heading + "Not measured: no off-screen OpenGL (EGL or OSMesa) here for pyrender.\n"
    columns = [
        "image", "samples a side", "threads", "ours (per second)", "pyrender (per second)",
        "ratio", "silhouette IoU", "common pixels within 8 grey levels",
    ]  # fmt: skip
    return (
        heading
        + "6,890 vertices, 13,776 faces, 8 views a body; normals and shading included on both "
        f"sides. pyrender through {available()}; llvmpipe and our rasteriser have the same number "
        "of threads.\n\n" + markdown(columns, [_row(*case) for case in CASES[sizes]])
    )


def agreement(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> tuple[float, float]:
    """Silhouette IoU, and the share of common inner pixels within 8 grey levels: (M, H, W) each.

    A pixel belongs to the body where it is darker than any shade mixed half with white (235).
    """
    body_one, body_two = one < 235, two < 235
    inner = body_one & body_two
    for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1)):
        inner &= np.roll(body_one & body_two, step, axis)
    difference = np.abs(one.astype(int) - two.astype(int))[inner]
    overlap = (body_one & body_two).sum() / (body_one | body_two).sum()
    return float(overlap), float((difference <= 8).mean())


def _row(height: int, width: int, samples: int, bodies: int, threads: int) -> list[str]:
    case = {"height": height, "width": width, "samples": samples, "bodies": bodies}
    # llvmpipe starts as many threads as there are cores unless it is told.
    with mock.patch.dict(os.environ, LP_NUM_THREADS=str(threads)):
        own, images = measure(Side("benchmarks.rasteriser:ours", 3), case, threads)
        gl, expected = measure(Side("benchmarks.rasteriser:pyrender", 3), case, threads)
    overlap, close = agreement(images["images"], expected["images"])
    views = 8 * bodies
    return [
        f"{height} x {width}",
        str(samples),
        str(threads),
        f"{views / own.seconds:,.0f}",
        f"{views / gl.seconds:,.0f}",
        f"{gl.seconds / own.seconds:.1f}",
        f"{overlap:.4f}",
        f"{100 * close:.2f} %",
    ]


def _work(
    renderer: Literal["raster", "pyrender"], case: Mapping[str, Any]
) -> Callable[[], Arrays]:
    from gclbench.meshes.projections import project, turned

    body, faces = smpl_sized_body()
    away, step = np.array([0, 0, -DISTANCE_M]), 45 / case["bodies"]
    bodies = np.stack([turned(body, step * i, np.zeros(3)) for i in range(case["bodies"])]) + away

    def work() -> Arrays:
        size = case["height"], case["width"]
        views = project(bodies.astype(np.float32), faces, *size, renderer)
        return {"images": views.reshape(-1, *size)}

    return work
