"""TableData: what stands where, which mark it carries, what the footnotes say."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from gclbench.reporting import Cell, Damaged, Mark, build_table
from gclbench.reporting.table import number
from gclbench.schema import Panel


def test_panels_keep_the_order_of_the_layout_and_show_the_data_as_heading(measured: Any) -> None:
    assert [panel.title for panel in measured.panels] == ["Unsupervised", "UDA"]
    assert measured.panels[0].headings == (("synthetic_market1501", 2),)
    assert measured.panels[1].headings[0][0].startswith("synthetic_dukemtmc_reid →")


def test_controls_stand_below_the_rows_of_the_paper(measured: Any) -> None:
    keys = [line.key for line in measured.panels[0].lines]
    assert keys == ["baseline", "multi", "full", "none"]
    assert measured.panels[0].lines[-1].group == "controls (ours)"


def test_a_control_never_takes_the_best_mark(measured: Any, line_of: Any) -> None:
    assert line_of(measured, 0, "none").entries[0].mark is Mark.NONE
    assert line_of(measured, 0, "full").entries[0].mark is Mark.BEST


def test_rows_that_print_the_same_number_are_both_best(measured: Any, line_of: Any) -> None:
    marks = {
        key: line_of(measured, 0, key).entries[1].mark for key in ("baseline", "multi", "full")
    }
    assert marks == {"baseline": Mark.SECOND, "multi": Mark.BEST, "full": Mark.BEST}


def test_a_row_whose_interval_meets_the_best_is_a_tie(measured: Any, line_of: Any) -> None:
    assert line_of(measured, 0, "multi").entries[0].tie
    assert not line_of(measured, 0, "baseline").entries[0].tie
    assert not line_of(measured, 0, "full").entries[0].tie


def test_one_seed_shows_no_spread_and_no_tie(
    layout: Any, rows: Any, tasks: Any, scores: Any
) -> None:
    alone = {key: cell and replace(cell, n_seeds=1, std=None) for key, cell in scores.items()}
    table = build_table(layout, rows, tasks, alone, seeds=(0,))
    texts = [entry.text for line in table.panels[0].lines for entry in line.entries]
    assert texts[0] == "40.0"
    assert not any(entry.tie for line in table.panels[0].lines for entry in line.entries)
    assert any("One seed" in note for note in table.footnotes)


def test_several_seeds_show_mean_and_deviation(measured: Any) -> None:
    assert measured.panels[0].lines[0].entries[0].text == "40.0 ± 0.5"


def test_a_number_that_was_not_measured_is_a_dash_and_counted(measured: Any, line_of: Any) -> None:
    assert line_of(measured, 0, "none").entries[1].text == "-"
    assert any("not measured (8 of 16 numbers)" in note for note in measured.footnotes)


def test_a_single_row_in_a_column_gets_no_mark(measured: Any, line_of: Any) -> None:
    assert line_of(measured, 1, "baseline").entries[0].mark is Mark.NONE


def test_ticks_follow_the_published_flags(measured: Any, line_of: Any) -> None:
    assert line_of(measured, 0, "full").ticks == (False, True)
    assert line_of(measured, 0, "multi").ticks == (True, False)


def test_tasks_that_were_not_asked_for_leave_their_panel_out(
    layout: Any, rows: Any, tasks: Any, scores: Any
) -> None:
    table = build_table(layout, rows, tasks[:1], scores)
    assert [panel.title for panel in table.panels] == ["Unsupervised"]


def test_footnotes_name_data_profile_and_seeds(measured: Any) -> None:
    text = " ".join(measured.footnotes)
    for part in ("Market = synthetic_market1501", "Profile: laptop", "Seeds: 0, 1, 2"):
        assert part in text


def test_cells_with_fewer_seeds_than_asked_are_counted(
    layout: Any, rows: Any, tasks: Any, scores: Any
) -> None:
    table = build_table(layout, rows, tasks, scores, seeds=(0, 1, 2, 3))
    assert any("8 numbers rest on fewer seeds" in note for note in table.footnotes)


def test_nan_is_shown_as_missing(layout: Any, rows: Any, tasks: Any) -> None:
    table = build_table(layout, rows, tasks, {("baseline", "market1501", "mAP"): Cell(math.nan)})
    assert table.panels[0].lines[0].entries[0].text == "-"
    assert number(math.nan) == number(None) == "-"


def test_a_row_is_empty_where_the_study_does_not_run_it(
    layout: Any, rows: Any, tasks: Any, scores: Any
) -> None:
    part = [replace(row, tasks=("market1501",) if row.key == "multi" else ()) for row in rows]
    wide = layout.model_copy(
        update={"panels": (Panel(title="All", tasks=("market1501", "duke2market")),)}
    )
    table = build_table(wide, part, tasks, scores)
    multi = next(line for line in table.panels[0].lines if line.key == "multi")
    assert [entry.text for entry in multi.entries] == ["50.0 ± 0.5", "70.0 ± 0.1", "", ""]
    assert "'-': not measured (6 of 14 numbers)." in table.footnotes
    assert "Empty: the study does not run that row there." in table.footnotes
    apart = build_table(layout, part, tasks, scores)
    assert ["multi" in [line.key for line in panel.lines] for panel in apart.panels] == [
        True,
        False,
    ]


KEYS = ["0123456789abcdef", "fedcba9876543210"]


def with_damage(layout: Any, rows: Any, tasks: Any, scores: Any, *damaged: Damaged) -> Any:
    """The table whose best row has lost every evaluation that is damaged."""
    kept = {key: cell for key, cell in scores.items() if key[0] != "full"}
    return build_table(layout, rows, tasks, kept, seeds=(0, 1, 2), damaged=damaged)


def test_what_is_damaged_says_so_and_takes_no_part_in_marks_or_counts(
    layout: Any, rows: Any, tasks: Any, scores: Any, line_of: Any
) -> None:
    lost = Damaged("full", "market1501", 1, KEYS[0])
    table = with_damage(layout, rows, tasks, scores, lost)
    entries = line_of(table, 0, "full").entries
    assert [entry.text for entry in entries] == ["damaged", "damaged"]
    assert {(entry.mark, entry.cell, entry.damaged) for entry in entries} == {
        (Mark.NONE, None, (KEYS[0],))
    }
    assert line_of(table, 0, "multi").entries[0].mark is Mark.BEST
    assert "'-': not measured (8 of 16 numbers)." in table.footnotes
    assert line_of(table, 1, "full").entries[0].text == "-"  # the other task was not measured


def test_a_footnote_names_what_is_damaged_by_its_key_and_says_what_to_do(
    layout: Any, rows: Any, tasks: Any, scores: Any
) -> None:
    lost = Damaged("full", "market1501", 1, KEYS[0])
    *_, named, remedy = with_damage(layout, rows, tasks, scores, lost).footnotes
    assert named == (
        "'damaged': stored results that were changed, or cannot be; part of nothing: "
        "Rotation + Mixup, Market, seed 1 (evaluate 0123456789ab)."
    )
    assert "delete HOME/artifacts/evaluate/KEY" in remedy
    assert remedy.startswith("To replace what is damaged, run again: it is set aside")


def test_the_sound_seeds_of_a_cell_are_used_and_the_footnote_says_so(
    layout: Any, rows: Any, tasks: Any, scores: Any, line_of: Any
) -> None:
    some = Damaged("multi", "market1501", 2, KEYS[1])
    two = {
        key: cell and replace(cell, n_seeds=2) if key[0] == "multi" else cell
        for key, cell in scores.items()
    }
    table = build_table(layout, rows, tasks, two, seeds=(0, 1, 2), damaged=[some])
    entry = line_of(table, 0, "multi").entries[0]
    assert (entry.text, entry.damaged) == ("50.0 ± 0.5", (KEYS[1],))
    assert (
        "Left out as damaged, their other seeds are used: Multi, Market, seed 2 "
        "(evaluate fedcba987654)."
    ) in table.footnotes
    assert any("2 numbers rest on fewer seeds" in note for note in table.footnotes)
    assert not any("'damaged'" in note for note in table.footnotes)


def test_damage_of_rows_and_tasks_that_are_not_shown_is_not_named(
    layout: Any, rows: Any, tasks: Any, scores: Any
) -> None:
    others = [Damaged("full", "mars", 0, KEYS[0]), Damaged("stranger", "market1501", 0, KEYS[0])]
    plain = build_table(layout, rows, tasks, scores, seeds=(0, 1, 2))
    assert build_table(layout, rows, tasks, scores, seeds=(0, 1, 2), damaged=others) == plain
