"""Is the package there that poses bodies? Nothing of it is imported."""

from __future__ import annotations

from importlib.util import find_spec

from gclbench.errors import MissingExtraError


def require_poser() -> None:
    """Raise MissingExtraError where bodies cannot be posed."""
    if find_spec("smplx") is None:
        raise MissingExtraError("smplx")
