"""What is said of formats that were asked for and made no file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gclbench.content import Content
from gclbench.results.files import nothing_of


@pytest.fixture(scope="module")
def study() -> Any:
    return Content(environment={}).study("table6")


def test_a_plot_of_a_table_without_one_is_named(study: Any) -> None:
    said = nothing_of(study, ("pdf", "csv", "svg"), [Path("out/table6.csv")])
    assert said.startswith("note: format=pdf,svg wrote nothing: the report of 'table6'")


@pytest.mark.parametrize("formats", [(), ("csv",), ("png",)])
def test_nothing_is_said_of_what_was_written_or_not_asked_for(study: Any, formats: Any) -> None:
    assert nothing_of(study, formats, [Path("table6.csv"), Path("table6.png")]) == ""
