"""Gray projections of an SMPL-sized body: our rasteriser against pyrender off-screen.

The mesh has SMPL's 6,890 vertices and 13,776 faces (a closed surface: 82 segments x 84 rings and
two poles, drawn in and out to a standing figure), so that no licensed file is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Arrays, Side, markdown, measure

RINGS, SEGMENTS = 84, 82
DISTANCE_M = 5.0
CASES = {
    "small": ((64, 32, 1, 8),),
    "full": ((256, 128, 1, 64), (256, 128, 2, 64), (128, 64, 2, 64), (64, 32, 4, 64)),
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
    return _work(projections.draw_gray, case)


def pyrender(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from gclbench.meshes import pyrender_backend, rasteriser

    rasteriser.samples_for = lambda height_px: case["samples"]
    return _work(pyrender_backend.draw_gray, case)


def report(sizes: str) -> str:
    from gclbench.meshes.pyrender_backend import available

    heading = "## Projections of an SMPL-sized mesh\n\n"
    if available() is None:
        return heading + "Not measured: no off-screen OpenGL (EGL or OSMesa) here for pyrender.\n"
    columns = [
        "image", "samples a side", "ours (per second)", "pyrender (per second)", "ratio",
        "silhouette IoU", "common pixels within 8 grey levels",
    ]  # fmt: skip
    return (
        heading
        + f"6,890 vertices, 13,776 faces, one process each; pyrender through {available()}, "
        "normals and shading included on both sides.\n\n"
        + markdown(columns, [_row(*case) for case in CASES[sizes]])
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


def _row(height: int, width: int, samples: int, frames: int) -> list[str]:
    case = {"height": height, "width": width, "samples": samples, "frames": frames}
    own, images = measure(Side("benchmarks.rasteriser:ours", 3), case, threads=1)
    gl, expected = measure(Side("benchmarks.rasteriser:pyrender", 3), case, threads=1)
    overlap, close = agreement(images["images"], expected["images"])
    return [
        f"{height} x {width}",
        str(samples),
        f"{frames / own.seconds:,.0f}",
        f"{frames / gl.seconds:,.0f}",
        f"{gl.seconds / own.seconds:.1f}",
        f"{overlap:.4f}",
        f"{100 * close:.2f} %",
    ]


def _work(draw: Callable[..., Any], case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from gclbench.meshes.projections import turned
    from gclbench.meshes.rasteriser import CAMERA

    body, faces = smpl_sized_body()
    centre, away = np.zeros(3), np.array([0, 0, -DISTANCE_M])
    frames = [
        (turned(body, 360 * frame / case["frames"], centre) + away).astype(np.float32)
        for frame in range(case["frames"])
    ]

    def work() -> Arrays:
        size = case["height"], case["width"]
        return {"images": np.stack([draw(points, faces, CAMERA, *size) for points in frames])}

    return work
