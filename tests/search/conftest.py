"""Searches of a shipped study in a store of their own; nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gclbench.content import Content
from gclbench.schema import Search
from gclbench.search.board import Board, Goal
from gclbench.search.trial import Measured
from gclbench.search.tuning import Tuning, open_board
from gclbench.study.question import Question

EPS, TEMPERATURE = "joint.pseudo_labels.eps", "joint.temperature"
Make = Callable[..., Tuning]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A search of dbscan_eps towards `trials`; keywords change its `search:`."""

    def tuning(trials: int = 3, since: int = 0, **changes: Any) -> Tuning:
        study = Content().study("dbscan_eps")
        assert study.search is not None
        search = Search.model_validate({**study.search.model_dump(), **changes})
        request = Question(("dbscan_eps",), tmp_path, profile="smoke", searching=True)
        store = f"sqlite:///{tmp_path}/store.db"
        return Tuning(request, study, search, store, "a-search", Goal(trials, since))

    return tuning


@pytest.fixture
def board(make: Make) -> Callable[..., Board]:
    return lambda *words, **changes: open_board(make(*words, **changes))


def parabola(tuning: Tuning, values: Mapping[str, Any], report: Any) -> Measured:
    """Best at eps 0.5; a smaller eps takes longer."""
    eps = float(values[EPS])
    score = 60.0 - 400.0 * (eps - 0.5) ** 2
    return Measured({"mAP": score, "seconds": 100.0 * (1 - eps)}, {"test_mAP": score - 2})


@pytest.fixture
def objective() -> Any:
    return parabola


@pytest.fixture
def two() -> dict[str, Any]:
    """A space of two parameters."""
    return {
        EPS: {"low": 0.3, "high": 0.7},
        TEMPERATURE: {"low": 0.01, "high": 0.2, "log": True},
    }
