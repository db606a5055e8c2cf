"""A command line up to the cursor, split as a shell splits it; the last quote may be open."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Line:
    """The words before the one at the cursor, and that one; `quoted`: its quote is open."""

    words: list[str] = field(default_factory=list)
    current: str = ""
    quoted: bool = False


def split_line(text: str) -> Line:
    """Split at white space; quotes and backslashes are taken away as a shell does."""
    line, quote, begun, escaped = Line(), "", False, False
    for sign in text:
        if escaped:
            line.current, escaped = line.current + sign, False
        elif sign == "\\" and quote != "'":
            escaped, begun = True, True
        elif quote:
            quote = "" if sign == quote else quote
            line.current += sign if quote else ""
        elif sign in "'\"":
            quote, begun = sign, True
        elif not sign.isspace():
            line.current, begun = line.current + sign, True
        elif begun:
            line.words.append(line.current)
            line.current, begun = "", False
    line.quoted = bool(quote)
    return line
