"""Text for a place that cannot hold every character: rules, ticks and arrows become plain ones."""

from __future__ import annotations

import codecs
import sys
from contextlib import suppress
from typing import IO

# As the name of an error handler of codecs.
PLAIN = "gclbench.plain"
# One character for one where a table would otherwise lose its columns.
_PLAIN = {
    **dict.fromkeys("─━═┄┈╌╍╴╶╸╺", "-"),
    **dict.fromkeys("│┃║╵╷╹╻", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰╋", "+"),
    **dict.fromkeys("‐‑‒–—−", "-"),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f", " "),
    "✓": "+", "✔": "+", "✗": "x", "×": "x", "·": ".", "•": "*", "≈": "~", "°": " deg",
    "→": "->", "←": "<-", "↔": "<->", "⇒": "=>", "…": "...", "±": "+-", "≤": "<=", "≥": ">=",
    "λ": "lambda", "τ": "tau", "ε": "eps", "μ": "mu", "µ": "u", "σ": "sigma", "Δ": "d",
}  # fmt: skip


def plain(text: str, encoding: str | None) -> str:
    """Return text that an encoding (None: UTF-8) can hold.

    What it lacks becomes a plain sign, an unknown one its number: \\u4e2d.
    """
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return "".join(_fitting(sign, encoding or "utf-8") for sign in text)
    except LookupError:
        return plain(text, "ascii")
    return text


def adapt_streams() -> None:
    """Let stdout and stderr of this process write what `plain` gives, whatever their encoding."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            with suppress(OSError, ValueError):  # a pipe that nobody reads, or closed
                stream.reconfigure(errors=PLAIN)


def encoding_of(stream: IO[str] | None) -> str:
    """The encoding of a stream; UTF-8 for one that has none, such as a StringIO."""
    return getattr(stream, "encoding", None) or "utf-8"


def _fitting(sign: str, encoding: str) -> str:
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        return _plain(sign)
    return sign


def _plain(sign: str) -> str:
    known = _PLAIN.get(sign)
    if known is not None:
        return known
    number = ord(sign)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


codecs.register_error(PLAIN, _replace)
