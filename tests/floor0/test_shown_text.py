"""Text of others on its way to a screen or a file: nothing in it is obeyed, nothing is lost."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gclbench.shown_text import json_text, one_line, shown

OVERRIDES = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)}
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\x9b2Jb", r"a\x9b2Jb"),
        ("safe\u202egpj.exe", r"safe\u202egpj.exe"),
        ("x\u2066y\u2069", r"x\u2066y\u2069"),
        ("a\rb\x08\x07\x00", r"a\x0db\x08\x07\x00"),
        ("bad\udce9name", r"bad\udce9name"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("para\u2029graph", r"para\u2029graph"),
        ("no\uffffcharacter", r"no\uffffcharacter"),
        ("Duke→Market ± 漢 é 👩\u200d🔬", "Duke→Market ± 漢 é 👩\u200d🔬"),
        ("two\n\tlines", "two\n\tlines"),
    ],
)
def test_what_would_be_obeyed_is_shown_and_letters_stay(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_one_line_has_no_break_of_any_kind() -> None:
    assert one_line("a\nb\r\nc\x0bd\x85e\u2028f\tg") == "a b c d e f g"


@given(ANY_TEXT)
def test_any_text_can_be_printed_and_holds_no_command(text: str) -> None:
    seen = one_line(text)
    seen.encode("utf-8")
    kinds = {unicodedata.category(sign) for sign in seen}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(seen) & OVERRIDES


@given(ANY_TEXT)
def test_json_reads_back_as_it_was_and_obeys_nothing(text: str) -> None:
    written = json_text({"label": [text]})
    assert json.loads(written) == {"label": [text]}
    assert shown(written) == written
