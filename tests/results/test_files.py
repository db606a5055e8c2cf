"""Each question's report lies in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gclbench.content import Content
from gclbench.results.files import nothing_of, report_folder
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


@pytest.fixture(scope="module")
def study() -> Any:
    return Content(environment={}).study("table6")


def test_a_plot_of_a_table_without_one_is_named(study: Any) -> None:
    said = nothing_of(study, ("pdf", "csv", "svg"), [Path("out/table6.csv")])
    assert said.startswith("note: format=pdf,svg wrote nothing: the report of 'table6'")


@pytest.mark.parametrize("formats", [(), ("csv",), ("png",)])
def test_nothing_is_said_of_what_was_written_or_not_asked_for(study: Any, formats: Any) -> None:
    assert nothing_of(study, formats, [Path("table6.csv"), Path("table6.png")]) == ""
