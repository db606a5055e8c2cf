"""One golden file per renderer, and what a reader of each format relies on."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import DataMissingError, UnknownNameError, UsageError
from gclbench.reporting import Damaged, build_table
from gclbench.reporting.render import SUFFIXES, markdown, render, terminal
from gclbench.reporting.render.latex import escape as escape_latex
from gclbench.reporting.render.templates import Template, fill

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
WRITE = os.environ.get("GCLBENCH_WRITE_GOLDEN") == "1"


def check_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if WRITE:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("file_format", sorted(SUFFIXES))
def test_files_equal_their_golden_copy(
    file_format: str, measured: Any, published: Any, content: Any
) -> None:
    check_golden(
        f"table{SUFFIXES[file_format]}", render(file_format, [measured, published], content)
    )


def test_the_terminal_equals_its_golden_copy(measured: Any, published: Any) -> None:
    text = f"{terminal.render(measured).plain}\n\n{terminal.render(published).plain}\n"
    check_golden("table.txt", text)


def test_csv_has_the_published_columns_and_then_ours(measured: Any, content: Any) -> None:
    records = list(csv.DictReader(io.StringIO(render("csv", [measured], content))))
    assert list(records[0]) == [
        *("table", "row_key", "gan", "multi", "mixup", "setting", "dataset", "metric", "value"),
        *("std", "low", "high", "n_seeds", "data", "node", "damaged", "untrained"),
        *("seeds", "profile", "settings", "cpu", "device", "version"),
    ]
    assert len(records) == 16
    first = records[0]
    assert (first["row_key"], first["dataset"], first["metric"]) == (
        "baseline",
        "market1501",
        "mAP",
    )
    assert float(first["value"]) == 40.04
    assert (first["n_seeds"], first["node"]) == ("3", "k1;k2;k3")


def test_csv_leaves_a_missing_number_empty(measured: Any, content: Any) -> None:
    records = list(csv.DictReader(io.StringIO(render("csv", [measured], content))))
    missing = [r for r in records if (r["row_key"], r["metric"]) == ("none", "R1")]
    assert [r["value"] for r in missing] == ["", ""]


def test_csv_never_holds_published_numbers(published: Any, content: Any) -> None:
    assert "47.2" not in render("csv", [published], content)


def test_csv_refuses_tables_with_different_flags(measured: Any, content: Any) -> None:
    panel = measured.panels[0]
    other = replace(panel, lines=tuple(replace(line, flags=()) for line in panel.lines))
    with pytest.raises(UsageError, match="different flag columns"):
        render("csv", [measured, replace(measured, panels=(other,))], content)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_on_its_own(
    tmp_path: Path, measured: Any, published: Any, content: Any
) -> None:
    (tmp_path / "table.tex").write_text(
        render("latex", [measured, published], content), encoding="utf-8"
    )
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "table.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-800:].decode(errors="replace")
    assert (tmp_path / "table.pdf").stat().st_size > 1000


def test_latex_escapes_what_tex_would_read() -> None:
    assert escape_latex("50 % & a_b #1 {x} $") == r"50 \% \& a\_b \#1 \{x\} \$"
    assert escape_latex("Duke→Market ± 漢") == r"Duke$\rightarrow$Market $\pm$ ?"


def test_markdown_rows_have_as_many_cells_as_the_header(measured: Any, content: Any) -> None:
    lines = render("markdown", [measured], content).splitlines()
    widths = {line.replace(r"\|", "").count("|") for line in lines if line.startswith("|")}
    assert widths == {7}


def test_a_plain_table_sets_numbers_right_and_leaves_ink_alone() -> None:
    rows = [[markdown.escape("a|b"), markdown.strong("1.5")]]
    assert markdown.plain_table(["Row", "mAP"], rows, right=[1]).splitlines() == [
        "| Row | mAP |",
        "| --- | --: |",
        r"| a\|b | **1.5** |",
    ]


def test_html_is_balanced_and_escaped(measured: Any, content: Any) -> None:
    text = render("html", [measured], content)
    stack: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag != "meta":
                stack.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert stack.pop() == tag

    Balance().feed(text)
    assert stack == []
    assert "None &lt;ours&gt;" in text


def test_a_narrow_terminal_drops_ticks_then_stacks_tasks(measured: Any) -> None:
    wide, narrow = terminal.render(measured), terminal.render(measured, 50)
    assert "✓" in wide.plain
    assert "✓" not in narrow.plain
    assert "40.0 ± 0.5" in narrow.plain


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_lost(
    measured: Any, published: Any, width: int
) -> None:
    for table in (measured, published):
        text = terminal.render(table, width).plain
        assert max(len(line) for line in text.splitlines()) <= width
        shown = [entry.text for panel in table.panels for line in panel.lines
                 for entry in line.entries]  # fmt: skip
        assert all(text.count(number) >= shown.count(number) for number in set(shown))


def test_labels_that_give_way_break_between_words(measured: Any) -> None:
    lines = terminal.render(measured, 36).plain.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("  Rotation"))
    assert lines[at + 1] == "   + Mixup"


def test_twins_have_short_names_in_the_terminal_and_a_note_for_them(measured: Any) -> None:
    lines = terminal.render(measured).plain.splitlines()
    assert any(line.strip() == "sDuke → sMarket" for line in lines)
    assert "sMarket = synthetic_market1501, sDuke = synthetic_dukemtmc_reid." in lines


def test_text_breaks_between_words_only() -> None:
    assert terminal.wrapped("one two three", None) == ["one two three"]
    assert terminal.wrapped("one two three", 8) == ["one two", "  three"]
    assert terminal.wrapped("a /a/path/that/is/long b", 8) == [
        *("a", "  /a/path/that/is/long", "  b"),
    ]
    assert terminal.wrapped("", 8) == [""]


def test_the_terminal_marks_the_best_in_bold(measured: Any) -> None:
    text = terminal.render(measured)
    bold = [text.plain[span.start : span.end] for span in text.spans if span.style == "bold"]
    assert "51.2 ± 0.5" in bold


def test_an_unknown_format_names_the_nearest(measured: Any, content: Any) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'latex'"):
        render("latx", [measured], content)


def test_a_template_of_the_user_goes_first(
    tmp_path: Path, measured: Any, content: list[Path]
) -> None:
    folder = tmp_path / "reports" / "templates"
    folder.mkdir(parents=True)
    (folder / "table.md.jinja").write_text("mine: << tables[0][0].title | e >>\n")
    assert render("markdown", [measured], [tmp_path, *content]) == "mine: Mini: 50 % & more\n"


def test_a_lost_template_is_one_clear_error(tmp_path: Path, measured: Any) -> None:
    with pytest.raises(DataMissingError, match="no template"):
        render("html", [measured], [tmp_path])


def test_a_template_leaves_braces_alone() -> None:
    assert fill(Template(Path("t"), r"\textbf{<< x | e >>}"), str.upper, x="a") == r"\textbf{A}"


@pytest.fixture
def damaged(layout: Any, rows: Any, tasks: Any, scores: Any) -> Any:
    """The table without the best row's evaluation; of another row one seed is damaged."""
    kept = {key: cell for key, cell in scores.items() if key[:2] != ("full", "market1501")}
    keys = "0123456789abcdef", "fedcba9876543210"
    found = [
        Damaged(row, "market1501", 1, key)
        for row, key in zip(("full", "multi"), keys, strict=True)
    ]
    return build_table(layout, rows, tasks, kept, seeds=(0, 1, 2), damaged=found)


@pytest.mark.parametrize("file_format", ["html", "latex", "markdown", "terminal"])
def test_every_format_shows_what_is_damaged_and_names_its_node(
    file_format: str, damaged: Any, content: Any
) -> None:
    text = (
        terminal.render(damaged).plain
        if file_format == "terminal"
        else render(file_format, [damaged], content)
    )
    shown = [line for line in text.splitlines() if line.count("damaged") == 2]
    assert ["Rotation + Mixup" in line for line in shown] == [True]
    assert "51.2" not in text
    assert "evaluate 0123456789ab)" in text
    assert "evaluate fedcba987654)" in text
    assert "delete HOME/artifacts/evaluate/KEY" in text


def test_csv_names_damaged_nodes_and_has_no_number_of_theirs(damaged: Any, content: Any) -> None:
    records = list(csv.DictReader(io.StringIO(render("csv", [damaged], content))))
    found = {(r["row_key"], r["dataset"], r["metric"]): r for r in records}
    lost = found["full", "market1501", "mAP"]
    assert [lost[name] for name in ("value", "std", "low", "high", "n_seeds", "node")] == [
        *("", "", "", "", "0", ""),
    ]
    assert lost["damaged"] == "0123456789abcdef"
    partly = found["multi", "market1501", "mAP"]
    assert (partly["value"], partly["damaged"]) == ("50.0", "fedcba9876543210")
    assert {r["damaged"] for r in records if r["row_key"] == "baseline"} == {""}
