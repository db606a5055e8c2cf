"""Import Sacred without its warning: it still uses pkg_resources, which setuptools deprecates."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sacred
    import sacred.host_info
    import sacred.observers

__all__ = ["sacred"]
