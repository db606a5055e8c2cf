"""Read text that users bring, as any editor on any system saves it."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

from gclbench.errors import DataMissingError, GclbenchError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_REMEDY = "Save it as UTF-8."
Problem = Callable[[int | None, str], GclbenchError]


def read_user_text(path: Path, problem: Problem | None = None) -> str:
    r"""Return a file's text with `\n` at the end of its lines, without a byte-order mark.

    UTF-8, and UTF-16 or UTF-32 where a mark says so. Raises what `problem(line, what is wrong)`
    returns for other bytes and for files that cannot be read; by default a DataMissingError.
    """
    fault = problem or _fault(path)
    try:
        data = path.read_bytes()
    except PermissionError as error:
        raise fault(None, f"permission denied: {path} cannot be read") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        why = getattr(error, "strerror", None) or str(error)
        raise fault(None, f"it cannot be read ({why})") from error
    return decoded(data, fault)


def decoded(data: bytes, fault: Problem) -> str:
    """Return the text of bytes; see `read_user_text`."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _lines(_decode(data, encoding, fault))
    text = _decode(data, "utf-8", fault)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise fault(line, "holds zero bytes: it is no text, or UTF-16 without a byte-order mark")
    return _lines(text)


def _decode(data: bytes, encoding: str, fault: Problem) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        name = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
        raise fault(line, f"byte 0x{byte:02x} is not {name} (Latin-1, or no text at all?)") from None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _fault(path: Path) -> Problem:
    def fault(line: int | None, what: str) -> GclbenchError:
        where = f"{path}, line {line}" if line is not None else f"{path}"
        return DataMissingError(f"{where}: {what}.", _REMEDY)

    return fault
