"""matplotlib as it comes, whatever notebooks, shells and files of others have set up.

A notebook exports MPLBACKEND to what it starts, also a backend that is not installed here; a
matplotlibrc may be broken, its folder locked. None of it may end a report or change a picture.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from gclbench.shown_text import number, one_line

FONT = "DejaVu Sans"  # comes with matplotlib: no machine draws another one
_OF_OTHERS = ("MATPLOTLIBRC", "MPLBACKEND", "MPLCONFIGDIR")
_NEEDED = ("matplotlib", "matplotlib.font_manager", "matplotlib.backends.backend_agg")


def load() -> None:
    """Import matplotlib without the settings of others; nothing where that was done before."""
    if "matplotlib" not in sys.modules:
        with _alone():
            try:
                _import()
            except Exception:  # a matplotlibrc in the current folder, which none can turn off
                for name in [name for name in sys.modules if name.startswith("matplotlib")]:
                    del sys.modules[name]
                with _elsewhere():
                    _import()


def font_file() -> Path:
    """The file of the one font of all pictures."""
    return _data() / "fonts" / "ttf" / "DejaVuSans.ttf"


def drawable(text: str) -> str:
    """One line of text in signs that the font has; others are named by number (\\u4e2d)."""
    known = _signs()
    return "".join(sign if ord(sign) in known else number(sign) for sign in one_line(text))


def literal(text: str) -> str:
    """As `drawable`, for texts in which matplotlib would read a formula between `$`."""
    return drawable(text).replace("$", r"\$")


@cache
def _signs() -> frozenset[int]:
    load()
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(font_file())).get_charmap())


def _data() -> Path:
    spec = importlib.util.find_spec("matplotlib")
    (folder, *_) = (spec and spec.submodule_search_locations) or [""]
    return Path(folder) / "mpl-data"


def _import() -> None:
    for name in _NEEDED:
        importlib.import_module(name)
    sys.modules["matplotlib"].get_configdir()  # asked for once a process


@contextmanager
def _alone() -> Iterator[None]:
    """The environment as if nobody had set matplotlib up; its warnings of that are left out."""
    kept = {name: os.environ.pop(name) for name in _OF_OTHERS if name in os.environ}
    os.environ["MATPLOTLIBRC"] = str(_data() / "matplotlibrc")
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        del os.environ["MATPLOTLIBRC"]
        os.environ.update(kept)


@contextmanager
def _elsewhere() -> Iterator[None]:
    before = Path.cwd()
    os.chdir(_data())
    try:
        yield
    finally:
        os.chdir(before)
