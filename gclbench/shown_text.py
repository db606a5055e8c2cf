"""Text of others as a reader sees it: what a terminal or a program would obey becomes visible.

The ground that every output stands on: terminal, error lines, tables, files and plots.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

# Signs that shape letters (joiners) or are drawn themselves, though Unicode files them as formats.
_DRAWN = frozenset(
    "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"
)
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_KEPT = frozenset("\n\t")


class _Visible(dict[int, str]):
    """What `str.translate` puts for each sign, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        self[code] = number(sign) if _obeyed(sign) else sign
        return self[code]


def shown(text: str) -> str:
    """Return text in which nothing is obeyed: ESC becomes \\x1b, an override of direction \\u202e.

    Line feeds and tabs stay. Halves of a pair, by which Python writes file names that are no text,
    become \\udc80 and the like, so that everything can be encoded.
    """
    return text.translate(_VISIBLE)


def one_line(text: str) -> str:
    """As `shown`, with line breaks and tabs as spaces: for a cell, a heading, a label."""
    return shown(" ".join(text.splitlines()).replace("\t", " "))


def number(sign: str) -> str:
    """A sign by its number: \\x1b, \\u202e, \\U000e0001."""
    code = ord(sign)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def json_text(value: Any, indent: int | None = 2) -> str:
    """JSON that is safe on a terminal and reads back as it was: what is obeyed becomes \\uXXXX."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(_in_json(sign) if _obeyed(sign) else sign for sign in text)


def _in_json(sign: str) -> str:
    return f"\\u{ord(sign):04x}" if ord(sign) <= 0xFFFF else json.dumps(sign)[1:-1]


def _obeyed(sign: str) -> bool:
    """Whether it is a command rather than a letter, or a number that is no character."""
    code = ord(sign)
    if code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return True
    return unicodedata.category(sign) in _OBEYED and sign not in _DRAWN and sign not in _KEPT


_VISIBLE = _Visible()
