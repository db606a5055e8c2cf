"""Datasets from the command line: look one over, write a twin out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gclbench.content import Content
from gclbench.errors import UnknownNameError
from gclbench.schema.settings import DataSettings
from gclbench.user_paths import user_path

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Unlocked:
    """A study that a dataset takes part in: its tasks, and the other roles that these need."""

    study: str
    title: str
    tasks: tuple[str, ...]
    also: tuple[str, ...]


def check_data(
    role: str, data: DataSettings, home: Path, *, deep: bool, progress: Progress | None = None
) -> Any:
    """Return the `datasets.check.Check` of a role: the real dataset under `data.root`, else its
    twin, which is rendered first.

    Raises UnknownNameError for a role that no dataset has.
    """
    from gclbench.datasets.check import check_folder
    from gclbench.datasets.fingerprint import reader_of
    from gclbench.datasets.load import load_dataset

    reader = reader_of(role, data)
    if data.root is not None:
        return check_folder(reader, user_path(data.root), deep=deep, progress=progress)
    twin = load_dataset(role, data, home / "cache", progress)
    return check_folder(reader, twin.root, deep=deep, twin=twin.label, progress=progress)


def make_data(role: str, data: DataSettings, out: Path, progress: Progress | None = None) -> Any:
    """Write the twin of a role to `out` in the real layout; return its planned world."""
    from gclbench.datasets.export import export_twin
    from gclbench.datasets.fingerprint import reader_of

    reader_of(role, data)
    return export_twin(role, data, out, progress)


def terms_of(role: str) -> dict[str, str]:
    """Return source, terms and withdrawal of a role's real dataset. Raises UnknownNameError."""
    from gclbench.datasets.terms import TERMS

    if role not in TERMS:
        raise UnknownNameError("dataset", role, TERMS)
    terms = TERMS[role]
    return {"source": terms.source, "terms": terms.terms, "withdrawn": terms.withdrawn}


def unlocked(content: Content, role: str) -> list[Unlocked]:
    """Return the studies with a task on this dataset, as target or as source."""
    found = []
    for name in content.names("ablations"):
        study = content.study(name)
        tasks = [task for task in study.tasks if role in (task.target, task.source)]
        others = {each for task in tasks for each in (task.target, task.source)} - {role, None}
        if tasks:
            names = tuple(task.name for task in tasks)
            found.append(Unlocked(name, study.title, names, tuple(sorted(map(str, others)))))
    return found
