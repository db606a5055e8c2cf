"""Gray projections by pyrender, off-screen through EGL or OSMesa."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import DataMissingError, MissingExtraError
from gclbench.meshes.rasteriser import Camera

_PROBE = """
import os, sys
os.environ["PYOPENGL_PLATFORM"] = sys.argv[1]
import pyrender
from OpenGL.GL import GL_RENDERER, glGetString
renderer = pyrender.OffscreenRenderer(8, 8)
renderer._platform.make_current()
name = glGetString(GL_RENDERER).decode()
renderer.delete()
print("gl:" + name)
"""
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader")


@lru_cache(maxsize=2)
def _probe(platform: str) -> str | None:
    """The GL renderer's name on a platform, None where it does not work.

    Asks in a process of its own: a GL library that fails may end the process that asks.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, platform],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line[3:] for line in done.stdout.splitlines() if line.startswith("gl:")]
    return lines[-1] if done.returncode == 0 and lines else None


@lru_cache(maxsize=1)
def available() -> str | None:
    """Return the first off-screen platform that works, "egl" or "osmesa", or None."""
    return next((name for name in ("egl", "osmesa") if _probe(name) is not None), None)


@lru_cache(maxsize=1)
def has_hardware_gl() -> bool:
    """Whether a GPU, and not a software renderer, answers to EGL."""
    nodes = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dri/renderD128")
    if sys.platform == "linux" and not any(os.path.exists(node) for node in nodes):
        return False
    name = _probe("egl")
    return name is not None and not any(word in name.lower() for word in _SOFTWARE)


def require() -> str:
    """Return the platform; raises MissingExtraError or, without GL, DataMissingError."""
    from importlib.util import find_spec

    if find_spec("pyrender") is None:
        raise MissingExtraError("pyrender")
    platform = available()
    if platform is None:
        raise DataMissingError(
            "pyrender finds no off-screen OpenGL (neither EGL nor OSMesa).",
            "Install a driver, for example: apt-get install libegl1 libgl1-mesa-dri (EGL) or "
            "libosmesa6 (OSMesa); or set data.mesh.renderer=raster, which needs none.",
        )
    return platform


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
