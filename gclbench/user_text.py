"""Read text that users bring, as any editor on any system saves it."""

from __future__ import annotations

import codecs
import csv
import io
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
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


def read_user_text(path: Path, problem: Problem | None = None, most: int | None = None) -> str:
    r"""Return a file's text with `\n` at the end of its lines, without a byte-order mark.

    UTF-8, and UTF-16 or UTF-32 where a mark says so. Raises what `problem(line, what is wrong)`
    returns for other bytes, for files that cannot be read, are no plain files (a folder, a pipe, a
    device) or have more than `most` bytes; by default a DataMissingError.
    """
    fault = problem or _fault(path)
    try:
        data = _bytes(path, fault, most)
    except PermissionError as error:
        raise fault(None, f"permission denied: {path} cannot be read") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        why = getattr(error, "strerror", None) or str(error)
        raise fault(None, f"it cannot be read ({why})") from error
    return decoded(data, fault)


def _bytes(path: Path, fault: Problem, most: int | None) -> bytes:
    # Without waiting: a pipe that nobody writes to would never open.
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as handle:
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            raise fault(None, "it is no plain file")
        data = handle.read() if most is None else handle.read(most + 1)
    if most is not None and len(data) > most:
        raise fault(None, f"it has more than {most:,} bytes")
    return data


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


@dataclass(frozen=True)
class Lines:
    """A table of text: names of columns, and rows as (line in the file, name -> text).

    As of csv.DictReader, a row that is too short has None as text, one that is too long None as
    name.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str | None, object]], ...]


def read_user_csv(path: Path, problem: Problem | None = None, most: int | None = None) -> Lines:
    """Read a table as any spreadsheet saves it: commas, semicolons or tabs, blanks, marks.

    Blanks around texts, empty rows and columns at the end are left out. Raises what `problem`
    returns, as `read_user_text` does, also for a name that stands twice in the header.
    """
    fault = problem or _fault(path)
    text = read_user_text(path, fault, most)
    if not text.strip():
        return Lines((), ())
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise fault(reader.line_num, str(error)) from error
    (first, names), *others = ((line, row) for line, row in rows if any(map(str.strip, row)))
    header = tuple(_trimmed([name.strip() for name in names], 0))
    for name in header:
        if header.count(name) > 1:
            raise fault(first, f"the column '{name}' stands twice")
    return Lines(header, tuple((line, _row(header, row)) for line, row in others))


def _delimiter(text: str) -> str:
    """What parts the names of the first line: of equals the comma."""
    line = next(line for line in text.split("\n") if line.strip())
    return max(",;\t", key=line.count)


def _trimmed(row: list[str], least: int) -> list[str]:
    """A row without the empty fields at its end, as far as it has more than `least`."""
    end = len(row)
    while end > least and not row[end - 1].strip():
        end -= 1
    return row[:end]


def _row(header: tuple[str, ...], row: list[str]) -> dict[str | None, object]:
    fields = [field.strip() for field in _trimmed(row, len(header))]
    found: dict[str | None, object] = dict(zip(header, fields, strict=False))
    found.update(dict.fromkeys(header[len(fields) :]))
    if len(fields) > len(header):
        found[None] = fields[len(header) :]
    return found


def _decode(data: bytes, encoding: str, fault: Problem) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        name = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
        raise fault(
            line, f"byte 0x{byte:02x} is not {name} (Latin-1, or no text at all?)"
        ) from None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _fault(path: Path) -> Problem:
    def fault(line: int | None, what: str) -> GclbenchError:
        where = f"{path}, line {line}" if line is not None else f"{path}"
        return DataMissingError(f"{where}: {what}.", _REMEDY)

    return fault
