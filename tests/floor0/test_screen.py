"""Lines on a screen are text: no markup, no emoji, no command; columns keep their width."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from gclbench.screen import padded, say


def test_a_line_is_printed_as_it_stands() -> None:
    out = io.StringIO()
    say(Console(file=out), "[red]row[/red] :smile: \x1b[2J [/")
    assert out.getvalue() == "[red]row[/red] :smile: \\x1b[2J [/\n"


@pytest.mark.parametrize("text", ["plain", "漢字", "e\u0301e\u0301", "\x1b[31m", "a\tb"])
def test_padding_counts_columns_of_the_terminal(text: str) -> None:
    assert cell_len(padded(text, 12)) == 12
    assert "\t" not in padded(text, 12)
    assert "\x1b" not in padded(text, 12)
