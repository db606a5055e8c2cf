"""Where numbers and pictures come from, in the words that tables, figures and searches share."""

from __future__ import annotations

from gclbench.schema import Task


def data_heading(task: Task, target: str) -> str:
    """Name the data of a task: `target`, what its dataset is called; for UDA 'source → target'.

    A source of the built-in world is called so as its target is.
    """
    if task.source is None:
        return target
    kind = "synthetic_" if target.startswith("synthetic_") else ""
    return f"{kind}{task.source} → {target}"
