"""Each question's report lies in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gclbench.results.files import report_folder
from gclbench.study.opened import OpenStudy

Open = Callable[..., OpenStudy]
ASKED: dict[str, Any] = {"rows": ("baseline", "none"), "tasks": ("market1501",), "seeds": (0, 1)}


def folder(open_one: Open, **fields: Any) -> str:
    opened = open_one(**{**ASKED, **fields})
    return str(report_folder(opened, opened.studies[0]))


def test_the_same_question_has_the_same_folder(open_one: Open) -> None:
    found = folder(open_one)
    assert found == folder(open_one, workers=3)
    assert "/reports/table6/smoke-" in found


@pytest.mark.parametrize(
    "other",
    [
        {"seeds": (1, 2)},
        {"rows": ("baseline",)},
        {"tasks": ("duke2market",)},
        {"profile": "laptop"},
        {"overrides": {"joint.lr": 0.1}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_question_has_another(open_one: Open, other: dict[str, Any]) -> None:
    assert folder(open_one, **other) != folder(open_one)
