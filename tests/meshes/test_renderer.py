"""Who draws projections on this machine."""

from __future__ import annotations

import pytest

from gclbench.errors import GclbenchError
from gclbench.meshes import renderer
from gclbench.meshes.renderer import resolve_renderer


def test_auto_takes_the_rasteriser_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_renderer.cache_clear()
    monkeypatch.setattr(renderer, "has_hardware_gl", lambda: False)
    assert resolve_renderer("auto") == "raster"
    resolve_renderer.cache_clear()
    monkeypatch.setattr(renderer, "has_hardware_gl", lambda: True)
    assert resolve_renderer("auto") == "pyrender"
    resolve_renderer.cache_clear()


def test_pyrender_by_name_without_gl_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_renderer.cache_clear()
    monkeypatch.setattr(renderer, "available", lambda: None)
    with pytest.raises(GclbenchError, match="libegl1"):
        resolve_renderer("pyrender")
    resolve_renderer.cache_clear()


def test_a_platform_that_does_not_exist_is_not_available() -> None:
    assert renderer._probe("no-such-platform") is None
