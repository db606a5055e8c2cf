"""Who draws projections here: pyrender, where off-screen OpenGL works, or our rasteriser.

Neither is loaded to find out: a plan asks, because who draws is part of what a dataset is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from typing import Literal

from gclbench.errors import DataMissingError, MissingExtraError

Renderer = Literal["pyrender", "raster"]
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


@lru_cache(maxsize=4)
def resolve_renderer(name: str) -> Renderer:
    """Answer `auto` with pyrender where a hardware GPU does GL, and with the rasteriser elsewhere.

    Raises GclbenchError when pyrender is asked for by name and no off-screen GL works.
    """
    if name == "raster":
        return "raster"
    if name == "pyrender":
        require()
        return "pyrender"
    return "pyrender" if has_hardware_gl() else "raster"
