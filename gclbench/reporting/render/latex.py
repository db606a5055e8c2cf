"""LaTeX: a document that compiles on its own; its booktabs tables paste into a paper."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from gclbench.reporting.render.grid import build_grids
from gclbench.reporting.render.templates import Template, fill
from gclbench.reporting.table import Entry, Mark, TableData
from gclbench.shown_text import one_line

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
    "`": r"\`{}",
    "\u00a0": "~",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\ldots{}",
    "•": r"\textbullet{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "„": r"\quotedblbase{}",
    "‚": r"\quotesinglbase{}",
    "€": r"\texteuro{}",
    "™": r"\texttrademark{}",
    "′": r"$'$",
    "″": r"$''$",
    "−": "$-$",
}
_MATHS = {
    "→": "rightarrow",
    "←": "leftarrow",
    "↔": "leftrightarrow",
    "⇒": "Rightarrow",
    "±": "pm",
    "≈": "approx",
    "×": "times",
    "÷": "div",
    "·": "cdot",
    "≠": "neq",
    "≥": "geq",
    "≤": "leq",
    "∞": "infty",
    "∈": "in",
    "∑": "sum",
    "√": "surd",
    "✓": "checkmark",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "varepsilon",
    "ζ": "zeta",
    "η": "eta",
    "θ": "theta",
    "ι": "iota",
    "κ": "kappa",
    "λ": "lambda",
    "μ": "mu",
    "ν": "nu",
    "ξ": "xi",
    "π": "pi",
    "ρ": "rho",
    "σ": "sigma",
    "τ": "tau",
    "φ": "varphi",
    "χ": "chi",
    "ψ": "psi",
    "ω": "omega",
    "Γ": "Gamma",
    "Δ": "Delta",
    "Θ": "Theta",
    "Λ": "Lambda",
    "Ξ": "Xi",
    "Π": "Pi",
    "Σ": "Sigma",
    "Φ": "Phi",
    "Ψ": "Psi",
    "Ω": "Omega",
    "∂": "partial",
    "¬": "neg",
    "µ": "mu",
    "∇": "nabla",
    "†": "dagger",
    "‡": "ddagger",
}
# Below U+0180, what T1 fonts lack.
_LACKING = frozenset("ĦħĸŉŦŧſĿŀ")
_SAFE_LATIN = 0x180
_LIGATURES = frozenset("-,'")  # two of them would become another sign


def render(tables: Sequence[TableData], template: Template) -> str:
    """Return a standalone document with every table."""
    drawn = [(table, build_grids(table, paint, escape, r"\checkmark")) for table in tables]
    return fill(template, escape, tables=drawn)


def escape(text: str) -> str:
    r"""Return text that LaTeX prints as it stands; a character it cannot print becomes '?'.

    Accents that its fonts lack are left out. An empty group keeps signs apart that TeX would join,
    and a first `[` or `*` from what stands before it (`\\` would take it for its option).
    """
    normal = unicodedata.normalize("NFC", one_line(text))
    signs = "".join(map(_plain, normal))
    drawn = ["{}"] if signs.lstrip().startswith(("[", "*")) else []
    before = ""
    for sign in signs:
        if sign == before and sign in _LIGATURES:
            drawn.append("{}")
        drawn.append(_drawn(sign))
        before = sign
    return "".join(drawn)


def _plain(sign: str) -> str:
    """What stands for a sign: itself, its letter without accents, or '?'."""
    if sign in _SPECIAL or sign in _MATHS or (ord(sign) < _SAFE_LATIN and sign not in _LACKING):
        return sign
    if unicodedata.combining(sign):
        return ""
    if sign.isspace():
        return " "
    parts = unicodedata.normalize("NFKD", sign)
    letters = "".join(each for each in parts if not unicodedata.combining(each))
    return letters if letters and all(ord(each) < 0x80 for each in letters) else "?"


def _drawn(sign: str) -> str:
    return f"$\\{_MATHS[sign]}$" if sign in _MATHS else _SPECIAL.get(sign, sign)


def paint(entry: Entry) -> str:
    text = escape(f"{entry.text} ≈" if entry.tie else entry.text)
    if entry.mark is Mark.BEST:
        return rf"\textbf{{{text}}}"
    return rf"\underline{{{text}}}" if entry.mark is Mark.SECOND else text
