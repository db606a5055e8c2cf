"""Names that users type as words, and formats that make names."""

from __future__ import annotations

import re
import string
from typing import Annotated

from pydantic import AfterValidator

# What parts words (rows=a,b), cells (STUDY:ROW:TASK:SEED), folders and lists.
_PARTING = frozenset(",:;/\\[]{}='\"")
_FIELD = re.compile(r"\d*(\[[\w -]+\])*")
_LONGEST = 200
_WIDEST = 50


def check_name(text: str) -> str:
    """Return a name. Raises ValueError for what cannot be typed as one, or be a part of a path."""
    if not text or text != text.strip() or text.startswith("."):
        raise ValueError(f"'{text}' is no name: it is empty, or has a blank or a point at an end")
    wrong = sorted(sign for sign in set(text) if sign in _PARTING or not sign.isprintable())
    if wrong:
        raise ValueError(f"'{text}' is no name: it cannot have {' '.join(wrong)} in one")
    if len(text) > _LONGEST:
        raise ValueError(f"a name has at most {_LONGEST} letters")
    return text


def check_format(form: str) -> None:
    """Raise ValueError for a format of more than a value, its items and a short width.

    Items are those of plain data, by number or name (`0[0][probability]`); attributes are code's.
    """
    for _, field, spec, _ in string.Formatter().parse(form):
        if field is not None and not _FIELD.fullmatch(field):
            raise ValueError(f"'{{{field}}}' is neither a value nor an item of one")
        widths = "".join(sign if sign.isdigit() else " " for sign in spec or "").split()
        if "{" in (spec or "") or any(int(width) > _WIDEST for width in widths):
            raise ValueError(f"it is wider than {_WIDEST} letters, or nested")


Name = Annotated[str, AfterValidator(check_name)]
