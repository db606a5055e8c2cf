"""Gray projections by pyrender, off-screen through EGL or OSMesa."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.meshes.rasteriser import Camera
from gclbench.meshes.renderer import require


@lru_cache(maxsize=1)
def _renderer() -> Any:
    # PyOpenGL reads the platform when it is first imported, so it is set here and not above. One
    # renderer serves all sizes: a second one would lose its context when the first is deleted.
    os.environ.setdefault("PYOPENGL_PLATFORM", require())
    import pyrender

    return pyrender.OffscreenRenderer(64, 64)


def draw_gray(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int64],
    camera: Camera,
    height_px: int,
    width_px: int,
) -> NDArray[np.uint8]:
    """Draw one body as light gray on white, uint8 (H, W); the same shading as the rasteriser's.

    Raises DataMissingError where no off-screen GL works.
    """
    renderer = _renderer()
    import pyrender

    from gclbench.meshes.rasteriser import gray_levels, samples_for, vertex_normals

    samples = samples_for(height_px)
    height, width = height_px * samples, width_px * samples
    renderer.viewport_height, renderer.viewport_width = height, width
    shade = gray_levels(vertex_normals(vertices, faces)) / 255.0
    colours = np.concatenate([shade, shade, shade, np.ones_like(shade)], axis=1)
    primitive = pyrender.Primitive(
        positions=vertices, indices=faces.astype(np.uint32), color_0=colours.astype(np.float32)
    )
    scene = pyrender.Scene(bg_color=[1.0, 1.0, 1.0, 1.0])
    scene.add(pyrender.Mesh([primitive]))
    distance = -vertices[:, 2]
    lens = pyrender.IntrinsicsCamera(
        fx=camera.focal * height,
        fy=camera.focal * height,
        cx=width / 2 + camera.shift_right * height,
        cy=height / 2 - camera.shift_up * height,
        znear=max(0.01, float(distance.min()) * 0.5),
        zfar=float(distance.max()) * 2.0 + 1.0,
    )
    scene.add(lens, pose=np.eye(4))
    flags = pyrender.RenderFlags.FLAT | pyrender.RenderFlags.SKIP_CULL_FACES
    colour, _ = renderer.render(scene, flags=flags)
    gray = colour[..., 0].reshape(height_px, samples, width_px, samples)
    return np.rint(gray.mean(axis=(1, 3))).astype(np.uint8)
