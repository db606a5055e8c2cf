"""Markdown (GitHub's dialect): one table per panel, headings in the cells by a line break.

Every Markdown table of the package is written here; `plain_table` is for the simple ones.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from gclbench.reporting.render.grid import build_grids
from gclbench.reporting.render.templates import Template, fill
from gclbench.reporting.table import Entry, Mark, TableData
from gclbench.shown_text import one_line

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_|<>[]#~$"})
_ENTITY = re.compile(r"&(?=#?\w+;)")
_ADDRESS = re.compile(r"(?i)(://|\bwww\.)")  # GitHub makes links of these
_BLOCK = re.compile(r"(?:[-+=]|\d{1,9}(?=[.)]))")  # what begins a list or underlines a heading


def render(tables: Sequence[TableData], template: Template) -> str:
    """Return a Markdown document with every table."""
    drawn = [(table, build_grids(table, paint, escape, "✓")) for table in tables]
    return fill(template, line, tables=drawn)


def plain_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()
) -> str:
    """Return a table of one heading per column, for what is no `TableData`.

    Cells are ink: what may hold any text goes through `escape` first. Columns whose numbers are in
    `right` are set right.
    """
    rule = ["--:" if column in right else "---" for column in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def escape(text: str) -> str:
    """Return text that Markdown prints as it stands, on one line: for a cell, or inside of one."""
    text = _ENTITY.sub(r"\\&", one_line(text).strip().translate(_SPECIAL))
    return _ADDRESS.sub(lambda found: found[0].replace(":", "\\:").replace(".", "\\."), text)


def line(text: str) -> str:
    """As `escape`, for text that stands at the beginning of a line."""
    text = escape(text)
    found = _BLOCK.match(text)
    return text if found is None else f"{text[: found.end() - 1]}{_guarded(text, found.end())}"


def _guarded(text: str, end: int) -> str:
    """A sign of a list, or the point behind a number, with a backslash before it."""
    number = text[end - 1].isdigit()
    return f"{text[end - 1]}\\{text[end:]}" if number else f"\\{text[end - 1 :]}"


def code(text: str) -> str:
    """Return text as code, inside of fences that it does not hold itself."""
    text = one_line(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{room}{text}{room}{fence}"


def strong(text: str) -> str:
    return f"**{text}**"


def paint(entry: Entry) -> str:
    text = f"{entry.text} ≈" if entry.tie else entry.text
    text = escape(text)
    if entry.mark is Mark.BEST:
        return strong(text)
    return f"<u>{text}</u>" if entry.mark is Mark.SECOND else text
