"""`gclbench.open`: the words of `gclbench run`, typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gclbench.api.study import Study
from gclbench.content import DEFAULT_PROFILE
from gclbench.study.question import Question


def open(
    study: str | Sequence[str],
    *,
    profile: str = DEFAULT_PROFILE,
    seeds: Sequence[int] | None = None,
    rows: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    home: str | Path = "results",
    store: str | None = None,
    executor: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    content: Sequence[str | Path] = (),
    observers: Sequence[str] = (),
) -> Study:
    """Open one study or several; nothing runs yet.

    The words are those of `gclbench run`; `settings` are by dotted name, such as
    {"joint.temperature": 0.05}. Raises UnknownNameError, OverrideError, ContentError for a wrong
    question, DataMissingError where `data.root` lacks a dataset.
    """
    return Study(
        Question(
            studies=(study,) if isinstance(study, str) else tuple(study),
            home=Path(home).expanduser(),
            profile=profile,
            seeds=None if seeds is None else tuple(seeds),
            rows=None if rows is None else tuple(rows),
            tasks=None if tasks is None else tuple(tasks),
            overrides=dict(settings or {}),
            executor=executor,
            workers=workers,
            store=store,
            device=device,
            content_dirs=tuple(Path(folder) for folder in content),
            observers=tuple(observers),
        )
    )
