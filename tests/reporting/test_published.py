"""Published numbers: as printed, in a table of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gclbench.reporting import (
    Mark,
    build_published_table,
    build_table,
    printed_rows,
    rows_of,
)
from gclbench.reporting.render import render, terminal
from gclbench.schema import Row, TextColumn


def test_published_numbers_keep_their_printed_digits(published: Any, line_of: Any) -> None:
    assert line_of(published, 0, "full").entries[0].text == "65.90"


def test_a_dash_of_the_paper_stays_a_dash(published: Any, line_of: Any) -> None:
    entry = line_of(published, 0, "full").entries[1]
    assert (entry.text, entry.cell) == ("-", None)


def test_rows_and_tasks_that_the_paper_lacks_are_left_out(published: Any) -> None:
    assert [line.key for line in published.panels[0].lines] == ["baseline", "full"]
    assert [panel.title for panel in published.panels] == ["Unsupervised"]


def test_a_control_of_ours_has_no_printed_numbers_even_by_a_name_that_the_paper_has(
    layout: Any, rows: Any, tasks: Any, numbers: Any
) -> None:
    ours = [replace(row, control=row.key == "full") for row in rows]
    found = build_published_table(layout, ours, tasks, numbers)
    assert found is not None
    assert [line.key for line in found.panels[0].lines] == ["baseline"]


def test_the_published_best_is_marked(published: Any, line_of: Any) -> None:
    assert line_of(published, 0, "full").entries[0].mark is Mark.BEST


def test_the_published_table_says_where_it_comes_from(published: Any) -> None:
    assert published.kind == "published"
    assert "As printed in" in published.footnotes[0]


def test_without_numbers_there_is_no_published_table(layout: Any, rows: Any, tasks: Any) -> None:
    assert build_published_table(layout, rows, tasks, []) is None


def test_a_row_of_ours_gets_zeros_in_tick_columns(numbers: Any) -> None:
    infos = rows_of(
        [Row(key="full", label="Full"), Row(key="none", label="None", control=True)], numbers
    )
    assert infos[0].flags == {"gan": "1", "multi": "0", "mixup": "1"}
    assert infos[1].flags == {"gan": "0", "multi": "0", "mixup": "0"}
    assert infos[1].control


def test_a_row_of_ours_gets_nothing_in_columns_of_values(numbers: Any) -> None:
    valued = [number.model_copy(update={"columns": {"eps": "0.5"}}) for number in numbers]
    assert rows_of([Row(key="new", label="New")], valued)[0].flags == {"eps": ""}


def test_printed_rows_that_the_study_lacks_stand_in_the_papers_order(numbers: Any) -> None:
    older = [
        number.model_copy(update={"row_key": "old", "columns": {"method": "Old [1]"}})
        for number in numbers[:1]
    ]
    full, ours = Row(key="full", label="Full"), Row(key="none", label="None", control=True)
    study = {"baseline", "full", "none"}
    every = [*numbers[:1], *older, *numbers[1:]]
    rows = printed_rows(rows_of([full, ours], every), every, study)
    assert [(row.key, row.label) for row in rows] == [("old", "Old [1]"), ("full", "Full")]


def test_columns_of_words_stand_beside_the_label_in_every_format(
    layout: Any, rows: Any, tasks: Any, numbers: Any, content: Any
) -> None:
    named = layout.model_copy(update={"texts": (TextColumn(column="by", label="Reference"),)})
    told = [replace(row, flags={**row.flags, "by": f"{row.key} & co"}) for row in rows]
    measured = build_table(named, told, tasks, {})
    published = build_published_table(named, told, tasks, numbers)
    assert published is not None
    assert measured.texts == published.texts == ("Reference",)
    assert published.panels[0].lines[0].texts == ("baseline & co",)
    markdown, latex, page = (
        render(name, [published], content) for name in ("markdown", "latex", "html")
    )
    assert "| Baseline | baseline & co |" in markdown
    assert r"Baseline & baseline \& co &" in latex
    assert r"\begin{tabular}{lllccrr}" in latex
    assert '<th class="text">Reference</th>' in page
    assert '<td class="text">baseline &amp; co</td>' in page
    lines = terminal.render(published).plain.splitlines()
    head, first = (next(x for x in lines if word in x) for word in ("Reference", "Baseline"))
    assert head.index("Reference") == first.index("baseline & co")
    assert "Reference" not in terminal.render(published, width=30).plain


def test_a_row_of_ours_says_what_its_columns_say(numbers: Any) -> None:
    printed = [n.model_copy(update={"columns": {"reference": "X'19"}}) for n in numbers]
    row = Row(key="new", label="New", columns={"reference": "Y'20"})
    assert rows_of([row], printed)[0].flags == {"reference": "Y'20"}
