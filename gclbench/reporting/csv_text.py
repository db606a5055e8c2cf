"""CSV for spreadsheets and programs: numbers are numbers, and text is never a formula."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

from gclbench.shown_text import one_line

# What spreadsheets read a formula from, the wide forms in some languages too.
_FORMULA = tuple("=+-@＝＋－＠")
_BEFORE = " \"'\u00a0\u200b\u3000"


def csv_text(records: Iterable[Sequence[Any]]) -> str:
    """Return a file with one record per line.

    Numbers (int, float) stand in full precision; None and NaN are empty. Text stands on one line;
    one that a spreadsheet would reckon with (`=`, `+`, `-`, `@`, also behind blanks or quotes) has
    an apostrophe before it.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([_cell(value) for value in record] for record in records)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return repr(float(value))
    return str(value) if isinstance(value, int) else disarmed(str(value))


def disarmed(text: str) -> str:
    """One line of text that no spreadsheet takes for a formula."""
    line = one_line(text)
    begins = text.startswith(("\t", "\r", "\n")) or line.lstrip(_BEFORE).startswith(_FORMULA)
    return f"'{line}" if begins else line
