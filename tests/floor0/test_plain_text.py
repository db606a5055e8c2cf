"""What an encoding cannot hold is replaced by plain signs; nothing fails."""

from __future__ import annotations

import io
import sys

import pytest

from gclbench.plain_text import PLAIN, adapt_streams, plain


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("a → b … ✓ 1.0 ± 0.2", "ascii", "a -> b ... + 1.0 +- 0.2"),
        ("a → b ✓ 1.0 ± 0.2", "latin-1", "a -> b + 1.0 ± 0.2"),
        ("─── …", "cp1252", "--- …"),
        ("中 \udcff", "ascii", "\\u4e2d \\udcff"),
        ("\U0001f600", "latin-1", "\\U0001f600"),
        ("→ ✓ 中", "utf-8", "→ ✓ 中"),
        ("name\udcff", "utf-8", "name\\udcff"),
        ("→", "no-such-encoding", "->"),
        ("→", None, "→"),
    ],
)
def test_text_becomes_what_the_encoding_holds(text: str, encoding: str | None, shown: str) -> None:
    assert plain(text, encoding) == shown


def test_rules_and_ticks_keep_the_width_of_a_table() -> None:
    assert len(plain("─━│✓≈×", "ascii")) == 6


def test_a_stream_writes_plain_signs_whatever_its_encoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    adapt_streams()
    stream.write("a → ─ ±\udc80")
    stream.flush()
    assert stream.buffer.getvalue() == b"a -> - \xb1\\udc80"


def test_reading_is_left_as_it_is() -> None:
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", errors=PLAIN)
