"""Labels of others in every output: the reader sees the text, and nothing obeys it."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import unicodedata
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from gclbench.reporting import ink
from gclbench.reporting.csv_text import csv_text, disarmed
from gclbench.reporting.grid import ImageGrid, named
from gclbench.reporting.lines import FigureData, Line, LinePanel
from gclbench.reporting.own_matplotlib import drawable
from gclbench.reporting.pictures import picture_bytes
from gclbench.reporting.plots import draw_figure
from gclbench.reporting.render import html as html_ink
from gclbench.reporting.render import latex, markdown, render, terminal
from gclbench.reporting.render.sample import SAMPLE
from gclbench.shown_text import one_line

ROOT = Path(__file__).resolve().parents[2]
MEANT = list("\\$_[]*&%#{}|<>`~^-'\",=+@!:.\n\t\r\x1b")
SIGNS = st.one_of(st.characters(exclude_categories=()), st.sampled_from(MEANT))
ANY_TEXT = st.lists(SIGNS, max_size=25).map("".join)
NASTY = "[*] $x_1$ <b>&amp;</b> `a|b` \\\\ --- '' ,, {} # % ~ ^ =1+1 \x1b[31m \u202e 漢 é"
# One token of what the LaTeX ink may write: a command, an escaped sign, maths, or plain signs.
TOKEN = re.compile(
    r"\\[a-zA-Z]+\{\}|\\[&%$#_{}]|\\`\{\}|\$(?:\\[a-zA-Z]+|'{1,2}|-)\$|\{\}|~|[^\\$&%#_{}~^\"<>|`]"
)


def labelled(text: str) -> Any:
    """The sample table with a text in every place where one can stand."""
    panel = SAMPLE.panels[0]
    lines = tuple(replace(line, label=text, texts=(text,)) for line in panel.lines)
    columns = tuple(replace(column, heading=text) for column in panel.columns)
    panels = (replace(panel, title=text, lines=lines, columns=columns),)
    return replace(SAMPLE, title=text, caption=text, footnotes=(text,), panels=panels)


@given(ANY_TEXT)
def test_latex_is_made_of_harmless_tokens(text: str) -> None:
    written = latex.escape(text)
    assert "".join(TOKEN.findall(written)) == written
    assert all(ord(sign) < 0x180 and unicodedata.category(sign) != "Cc" for sign in written)
    assert not re.search(r"--|''|\$\$\$|^\s*[\[*]", written)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("[ours] two", "{}[ours] two"),
        ("*best*", "{}*best*"),
        ("  [x]", "{}  [x]"),
        ("a--b", "a-{}-b"),
        ("x''y", "x'{}'y"),
        ("`a`", r"\`{}a\`{}"),
        ("two\n\nlines", "two  lines"),
        ("Erdős, ế, ſ", "Erdős, e, s"),
        ("\x1b[0m", r"\textbackslash{}x1b[0m"),
    ],
)
def test_latex_prints_it_as_it_stands(text: str, written: str) -> None:
    assert latex.escape(text) == written


@given(ANY_TEXT)
def test_html_parses_to_the_same_text(text: str) -> None:
    found: list[str] = []
    attributes: list[str | None] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            found.append(data)

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            attributes.extend(value for _, value in attrs)

    written = html_ink.escape(text)
    reader = Reader()
    reader.feed(f'<p title="{written}">{written}</p>')
    reader.close()
    assert "".join(found) == one_line(text)
    assert attributes == [one_line(text)]


@given(ANY_TEXT)
def test_markdown_shows_the_text_in_a_cell_and_on_a_line(text: str) -> None:
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    seen = re.sub(r"\s+", " ", one_line(text)).strip()
    cell = reader.parse(f"| a | b |\n|---|---|\n| x{markdown.escape(text)} | y |\n")
    (inline,) = [token for token in cell if token.type == "inline" and token.content[:1] == "x"]
    assert {child.type for child in inline.children or []} <= {"text", "text_special"}
    shown = "".join(child.content for child in inline.children or [])
    assert re.sub(r"\s+", " ", shown[1:]).strip() == seen
    if seen:
        line = reader.parse(f"{markdown.line(text)}\n")
        assert [token.type for token in line] == ["paragraph_open", "inline", "paragraph_close"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("R&D &amp; &#38;", r"R&D \&amp; &\#38;"),
        ("a|b `c` <d>", r"a\|b \`c\` \<d\>"),
        ("~~x~~ $y$", r"\~\~x\~\~ \$y\$"),
        ("https://a.b www.c", r"https\://a.b www\.c"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_guards_what_it_would_read(text: str, written: str) -> None:
    assert markdown.escape(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("- a", r"\- a"),
        ("+ a", r"\+ a"),
        ("12. a", r"12\. a"),
        ("===", r"\==="),
        ("a - b", "a - b"),
    ],
)
def test_markdown_begins_no_list_and_underlines_nothing(text: str, written: str) -> None:
    assert markdown.line(text) == written


@given(ANY_TEXT)
def test_code_shows_the_text(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"x {markdown.code('a' + text + 'a')} x")
    codes = [c for t in tokens for c in t.children or [] if c.type == "code_inline"]
    assert [code.content for code in codes] == [one_line(f"a{text}a")]


@given(st.lists(ANY_TEXT, min_size=1, max_size=4), st.floats(allow_nan=False))
def test_csv_reads_back_and_holds_no_formula(texts: list[str], number: float) -> None:
    written = csv_text([["n", *(f"c{i}" for i in range(len(texts)))], [number, *texts]])
    frame = pd.read_csv(io.StringIO(written), dtype={"n": float}, keep_default_na=False)
    assert frame["n"][0] == number
    (row,) = list(csv.reader(io.StringIO(written)))[1:]
    assert row[1:] == [disarmed(text) for text in texts]
    for text, cell in zip(texts, row[1:], strict=True):
        assert cell.lstrip(" \"'")[:1] not in set("=+-@") or cell[0] == "'"
        assert cell in (one_line(text), f"'{one_line(text)}")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'),
        ("-5", "'-5"),
        (" @x", "' @x"),
        ('"=1', "'\"=1"),
        ("\t=1", "' =1"),
        ("\rx", "' x"),
        ("＝1", "'＝1"),
        ("a=b", "a=b"),
        (-5.5, "-5.5"),
        (-3, "-3"),
        (float("nan"), ""),
        (None, ""),
        (1e-300, "1e-300"),
    ],
)
def test_numbers_stay_numbers_and_formulas_become_text(value: Any, cell: str) -> None:
    assert list(csv.reader(io.StringIO(csv_text([[value, "x"]])))) == [[cell, "x"]]


@given(ANY_TEXT)
@settings(max_examples=40, deadline=None)
def test_a_terminals_columns_stay_below_each_other(text: str) -> None:
    found = terminal.render(labelled(text)).plain
    assert "\x1b" not in found
    ends = {cell_len(line) for line in found.split("\n") if line.endswith(("R1", "0.0", "4.0"))}
    assert len(ends) == 1


@given(ANY_TEXT)
@settings(max_examples=4, deadline=None)
def test_plots_and_grids_draw_any_text(text: str) -> None:
    panel = LinePanel(text, text, (Line(text, (1.0,), (2.0,)), Line(f"_{text}", (1.0,), (1.0,))))
    grid = ImageGrid(np.zeros((1, 1, 8, 8, 3), np.uint8), (text,), text, (text,), text, text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of what it has no sign for
        drawn = draw_figure(FigureData("r", text, ((panel,),), text))
        files = [picture_bytes([grid], kind) for kind in ("png", "pdf", "svg")]
    assert all(drawn.values())
    assert all(files)


@pytest.mark.parametrize("file_format", ["csv", "html", "latex", "markdown"])
def test_a_nasty_label_passes_every_format(file_format: str) -> None:
    text = render(file_format, [labelled(NASTY)], [ROOT])
    assert not set(text) & {"\x1b", "\u202e"}
    if file_format == "markdown":
        widths = {
            re.sub(r"\\.", "", line).count("|") for line in text.split("\n") if line[:1] == "|"
        }
        assert len(widths) == 1
    if file_format == "latex":
        assert not re.search(r"(\\\\|midrule)\s*[\[*]", text)


def test_a_legend_names_lines_that_begin_with_an_underscore() -> None:
    panel = LinePanel("x", "y", (Line(r"_a $\frac$", (1.0,), (2.0,)), Line("c", (1.0,), (1.0,))))
    svg = draw_figure(FigureData("r", "", ((panel,),)))["svg"].decode()
    # Each text is written as glyphs, behind a comment that says what it is.
    assert r"<!-- _a $\frac$ -->" in svg
    assert "<!-- c -->" in svg


def test_the_arrow_is_in_the_font_and_others_have_numbers() -> None:
    assert drawable("Duke → Market ± λ ✓") == "Duke → Market ± λ ✓"
    assert drawable("漢\x1b\n") == r"\u6f22\x1b"


def test_text_in_pdf_files_is_truetype() -> None:
    grid = ImageGrid(np.zeros((1, 1, 8, 8, 3), np.uint8), ("a → b",), "title")
    panel = LinePanel("x", "y", (Line("a", (1.0,), (2.0,)),))
    plot = draw_figure(FigureData("r", "", ((panel,),)))
    for data in (picture_bytes([grid], "pdf"), plot["pdf"]):
        assert b"/CIDFontType2" in data
        assert b"/Type3" not in data


def test_titles_are_the_users_and_smoke_is_marked() -> None:
    grid = ImageGrid(np.zeros((1, 2, 8, 8, 3), np.uint8), ("a", "b"), "own", data="sMarket")
    assert [each.title for each in named([grid], None)] == ["own"]
    assert [each.title for each in named([grid], "mine")] == ["mine"]
    two = named([grid, grid], "mine", ink.mark_of("smoke"))
    assert [each.title for each in two] == ["mine (sMarket)"] * 2
    assert [each.mark for each in two] == ["SMOKE", ""]
    assert ink.mark_of("laptop") == ""
    svg = picture_bytes(two, "svg").decode()
    assert svg.count(">SMOKE<") == 1
    plain, marked = (picture_bytes(named([grid], None, mark), "png") for mark in ("", "SMOKE"))
    assert plain != marked


def test_what_made_a_picture_stands_in_the_file_and_not_on_it() -> None:
    grid = ImageGrid(np.zeros((1, 1, 8, 8, 3), np.uint8), ("a",), "t", origin="node 0123abc")
    bare = replace(grid, origin="")
    assert b"node 0123abc" in picture_bytes([grid], "png")
    assert "node 0123abc" in picture_bytes([grid], "svg").decode()
    assert b"node 0123abc" not in picture_bytes([bare], "png")


DRAWS = """
import numpy as np
from gclbench.reporting.grid import ImageGrid
from gclbench.reporting.lines import FigureData, Line, LinePanel
from gclbench.reporting.pictures import picture_bytes
from gclbench.reporting.plots import draw_figure
panel = LinePanel("x", "y", (Line("a", (1.0,), (2.0,)),))
grid = ImageGrid(np.zeros((1, 1, 8, 8, 3), np.uint8), ("a",), "t")
files = [*draw_figure(FigureData("r", "", ((panel,),))).values(), picture_bytes([grid], "svg")]
import hashlib
print(hashlib.sha256(b"".join(files)).hexdigest())
"""


def test_settings_of_others_change_no_picture(tmp_path: Path) -> None:
    """A notebook's MPLBACKEND, a broken matplotlibrc here and elsewhere, a locked folder, TeX."""
    (tmp_path / "matplotlibrc").write_bytes(b"backend: nowhere\n\xff\xfe text.usetex: True\n")
    (tmp_path / "file").write_text("no folder")
    odd = {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "MPLCONFIGDIR": str(tmp_path / "file" / "below"),
        "SOURCE_DATE_EPOCH": "1",
    }
    clean = {key: value for key, value in os.environ.items() if key not in odd}
    found = [
        subprocess.run(
            [sys.executable, "-c", DRAWS],
            env={**clean, "PYTHONPATH": str(ROOT), **more},
            cwd=tmp_path if more else ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        for more in ({}, odd)
    ]
    assert [done.returncode for done in found] == [0, 0], found[1].stderr[-800:]
    assert found[0].stdout == found[1].stdout
    assert found[1].stderr == ""
