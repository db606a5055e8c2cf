"""Where this user's caches lie between processes, in $GCLBENCH_CACHE or the system's place."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

VARIABLE = "GCLBENCH_CACHE"


def cache_folder() -> Path:
    """The folder of all caches that belong to no results folder, whether or not it exists."""
    chosen = os.environ.get(VARIABLE)
    top = Path(chosen or platformdirs.user_cache_dir("gclbench", False))
    return top.expanduser().absolute()
