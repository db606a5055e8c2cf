"""LaTeX: a document that compiles on its own; its booktabs tables paste into a paper."""

from __future__ import annotations

from collections.abc import Sequence

from gclbench.reporting.render.grid import build_grids
from gclbench.reporting.render.templates import fill
from gclbench.reporting.table import Entry, Mark, TableData

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "→": r"$\rightarrow$",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "†": r"$\dagger$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "λ": r"$\lambda$",
    "α": r"$\alpha$",
    "ε": r"$\varepsilon$",
    "τ": r"$\tau$",
    "′": r"$'$",
    "″": r"$''$",
    "–": "--",
    "—": "---",
}


def render(tables: Sequence[TableData], template: str) -> str:
    """Return a standalone document with every table."""
    drawn = [(table, build_grids(table, paint, escape, r"\checkmark")) for table in tables]
    return fill(template, escape, tables=drawn)


def escape(text: str) -> str:
    """Return text that LaTeX prints as it stands; a character it cannot print becomes '?'."""
    return "".join(_SPECIAL.get(c, c if ord(c) < 0x180 else "?") for c in text)


def paint(entry: Entry) -> str:
    text = escape(f"{entry.text} ≈" if entry.tie else entry.text)
    if entry.mark is Mark.BEST:
        return rf"\textbf{{{text}}}"
    return rf"\underline{{{text}}}" if entry.mark is Mark.SECOND else text
