"""Lines up to the cursor, split as a shell does."""

from __future__ import annotations

import shlex

import pytest

from gclbench.cli.complete.line import Line, split_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", Line([], "")),
        ("gclbench", Line([], "gclbench")),
        ("gclbench ", Line(["gclbench"], "")),
        ("g  run   a=b", Line(["g", "run"], "a=b")),
        ("g 'a b' c", Line(["g", "a b"], "c")),
        (r"g a\ b=c", Line(["g"], "a b=c")),
        ("g \"a='b", Line(["g"], "a='b", True)),
        ("g 'a=[{b: ", Line(["g"], "a=[{b: ", True)),
        ("g '' x", Line(["g", ""], "x")),
        ("g a'b'c", Line(["g"], "abc")),
    ],
)
def test_words_and_the_one_at_the_cursor(text: str, line: Line) -> None:
    assert split_line(text) == line


def test_whole_lines_split_as_the_shell_does() -> None:
    text = r"""run "a \"b\"" 'c \d' e\"f g"h i"j"""
    assert split_line(f"{text} ").words == shlex.split(text)
