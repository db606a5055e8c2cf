"""A profile's own table of seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.content import Content
from gclbench.errors import ContentError
from gclbench.study.seconds import read_seconds

TEXT = """stage,method,target,avx512,avx2,megabytes,source
joint,multi,,36,62,3,x
joint,rotation,mars,268,,10,x
joint,,,160,290,10.5,x
data,images,,8.5,15,0,x
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "laptop.csv").write_text(TEXT, encoding="utf-8")
    return tmp_path / "laptop.csv"


def test_the_line_that_fits_best_is_taken(file: Path) -> None:
    table = read_seconds(file, "avx512")
    assert table is not None
    asked = [("multi", "market1501"), ("rotation", "market1501"), ("rotation", "mars")]
    found = [table.guess("joint", *each, growth=2.0) for each in asked]
    assert [guess.seconds for guess in found if guess] == [72.0, 320.0, 536.0]
    assert [guess.megabytes for guess in found if guess] == [3.0, 10.5, 10.0]
    assert table.guess("gan", "", "market1501") is None
    assert table.per_image("images") == 0.0085
    assert table.per_image("oracle") == 0.0


def test_a_kind_without_figures_of_a_line_does_without_it(file: Path) -> None:
    table = read_seconds(file, "avx2")
    assert table is not None
    mars = table.guess("joint", "rotation", "mars")
    assert mars is not None
    assert mars.seconds == 290.0


def test_a_kind_that_has_no_column_takes_the_first_and_says_so(file: Path) -> None:
    table = read_seconds(file, "neon")
    assert table is not None
    assert (table.profile, table.cpu_kind) == ("laptop", "avx512")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEXT.replace("36", "many"), r"laptop\.csv:2: avx512: 'many' is not a number"),
        (TEXT.replace("megabytes", "mb"), r"laptop\.csv:1: megabytes: this column is missing"),
    ],
)
def test_a_wrong_table_is_named_with_its_line(file: Path, text: str, says: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=says):
        read_seconds(file, "avx512")


def test_a_table_of_no_kind_is_none(file: Path) -> None:
    file.write_text("stage,method,target,megabytes,source\n", encoding="utf-8")
    assert read_seconds(file, "avx512") is None


@pytest.mark.parametrize("name", Content(environment={}).names("seconds"))
@pytest.mark.parametrize("kind", ["avx512", "avx2"])
def test_the_shipped_tables_know_every_stage(name: str, kind: str) -> None:
    content = Content(environment={})
    assert name in content.names("profiles")
    table = read_seconds(content.path("seconds", name), kind)
    assert table is not None
    assert table.cpu_kind == kind
    for stage in ("source", "warmup", "gan", "joint", "evaluate"):
        guess = table.guess(stage, "anything", "market1501")
        assert guess is not None
        assert guess.seconds > 0
    assert table.guess("pretrain", "rendered", "") is not None
    assert all(table.per_image(what) > 0 for what in ("images", "projections", "oracle"))


def test_the_paper_profile_has_none() -> None:
    assert "paper" not in Content(environment={}).names("seconds")
