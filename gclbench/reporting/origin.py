"""Where numbers and pictures come from, in the words that tables, figures and searches share."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gclbench.schema import Task

_TWIN = re.compile(r"\bsynthetic_(\w+)")
_SHORT = {
    "market1501": "Market",
    "dukemtmc_reid": "Duke",
    "msmt17": "MSMT",
    "mars": "MARS",
    "dukemtmc_videoreid": "DukeV",
}


def data_heading(task: Task, target: str) -> str:
    """Name the data of a task: `target`, what its dataset is called; for UDA 'source → target'.

    A source of the built-in world is called so as its target is.
    """
    if task.source is None:
        return target
    kind = "synthetic_" if target.startswith("synthetic_") else ""
    return f"{kind}{task.source} → {target}"


def short_names(text: str) -> str:
    """Call twins by short names of their own, sMarket: never a real dataset's name alone."""
    return _TWIN.sub(lambda found: _short(found[1]), text)


def legend(texts: Iterable[str]) -> str:
    """What the short names in texts stand for: "sMARS = synthetic_mars, ..."; '' without any."""
    named = dict.fromkeys(role for text in texts for role in _TWIN.findall(text))
    return ", ".join(f"{_short(role)} = synthetic_{role}" for role in named)


def _short(role: str) -> str:
    return f"s{_SHORT.get(role, role)}"
