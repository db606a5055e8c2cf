"""Published numbers: as printed, in a table of their own."""

from __future__ import annotations

from typing import Any

from gclbench.reporting import Mark, build_published_table, rows_of
from gclbench.schema import Row


def test_published_numbers_keep_their_printed_digits(published: Any, line_of: Any) -> None:
    assert line_of(published, 0, "full").entries[0].text == "65.90"


def test_a_dash_of_the_paper_stays_a_dash(published: Any, line_of: Any) -> None:
    entry = line_of(published, 0, "full").entries[1]
    assert (entry.text, entry.cell) == ("-", None)


def test_rows_and_tasks_that_the_paper_lacks_are_left_out(published: Any) -> None:
    assert [line.key for line in published.panels[0].lines] == ["baseline", "full"]
    assert [panel.title for panel in published.panels] == ["Unsupervised"]


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
