"""The shipped layouts fit their studies and the published numbers."""

from __future__ import annotations

from pathlib import Path

from gclbench.content import Content
from gclbench.reporting import build_published_table, build_table, rows_of

ROOT = Path(__file__).resolve().parents[2]


def content() -> Content:
    return Content(environment={}, shipped=ROOT)


def test_every_study_has_a_layout_that_shows_all_its_tasks_once() -> None:
    for name in content().names("ablations"):
        study = content().study(name)
        if study.report is None:  # a search writes files of its own
            continue
        layout = content().layout(study.report)
        shown = [task for panel in layout.panels for task in panel.tasks]
        assert sorted(shown) == sorted(task.name for task in study.tasks), name
        assert set(layout.row_groups) <= {row.key for row in study.rows}, name


def test_table6_is_laid_out_as_in_the_paper() -> None:
    study, layout = content().study("table6"), content().layout("table6")
    numbers = content().published("table6")
    rows = rows_of(study.rows, numbers)
    table = build_published_table(layout, rows, study.tasks, numbers)
    assert table is not None
    assert [panel.title for panel in table.panels] == ["Fully unsupervised", "UDA"]
    printed = [e.text for panel in table.panels for line in panel.lines for e in line.entries]
    assert len(printed) == 112
    assert sorted(printed) == sorted(number.printed for number in numbers)
    groups = [line.group for line in table.panels[0].lines]
    assert groups == ["w/o GAN"] * 3 + ["w/ GAN"] * 4


def test_table6_has_two_controls_below_the_seven_rows() -> None:
    study, layout = content().study("table6"), content().layout("table6")
    rows = rows_of(study.rows, content().published("table6"))
    lines = build_table(layout, rows, study.tasks, {}).panels[0].lines
    assert [line.control for line in lines] == [False] * 7 + [True] * 2
