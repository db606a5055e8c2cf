"""`gclbench.open`: the words of `gclbench run`, typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gclbench.api.study import Study
from gclbench.study.asking import question_of
from gclbench.words.groups import require_study
from gclbench.words.verbs import OpenWords

Names = str | Sequence[str]


def open(
    study: Names | None = None,
    *,
    recipe: Names | None = None,
    rows: Names | None = None,
    tasks: Names | None = None,
    seeds: int | Sequence[int] | str | None = None,
    profile: str | None = None,
    data: str | None = None,
    settings: Mapping[str, Any] | None = None,
    home: str | Path | None = None,
    store: str | None = None,
    executor: str | None = None,
    workers: int | None = None,
    device: str | None = None,
    observers: Names | None = None,
    content: str | Path | Sequence[str | Path] | None = None,
) -> Study:
    """Open one study or several, or recipes by themselves on `tasks`; nothing runs yet.

    The words and their defaults are those of `gclbench run` (docs/words.md); `settings` are by
    dotted name, such as {"joint.temperature": 0.05}. Raises UnknownNameError, OverrideError,
    ContentError for a wrong question, DataMissingError where `data.root` lacks a dataset.
    """
    words = OpenWords.of(**locals())
    require_study(words, 'study="table6"')
    return Study(question_of(words))
