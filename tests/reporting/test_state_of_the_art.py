"""Tables 8 to 10 and the systems in them: every printed number in its place, linked by row."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gclbench.content import Content
from gclbench.reporting import (
    Mark,
    TableData,
    build_published_table,
    build_table,
    printed_rows,
    rows_of,
)

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = ("table8", "table9", "table10")


def content() -> Content:
    return Content(environment={}, shipped=ROOT)


def as_printed(table: str) -> list[dict[str, str]]:
    path = ROOT / "baselines" / "published" / f"{table}.csv"
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def published(name: str, rows: set[str] | None = None) -> TableData:
    """The published table of a study, `rows` being those asked for."""
    study, layout = content().study(name), content().layout(name)
    numbers = content().published(name)
    chosen = [row for row in study.rows if rows is None or row.key in rows]
    paper = printed_rows(rows_of(chosen, numbers), numbers, {row.key for row in study.rows})
    table = build_published_table(layout, paper, study.tasks, numbers)
    assert table is not None
    return table


@pytest.mark.parametrize("name", ["table8", "table9"])
def test_every_number_stands_as_printed_in_the_papers_order(name: str) -> None:
    (panel,) = published(name).panels
    printed = as_printed(name)
    assert [line.key for line in panel.lines] == list(dict.fromkeys(r["row_key"] for r in printed))
    shown = {
        (line.key, line.label, line.texts[0], column.setting, column.task, column.metric): e.text
        for line in panel.lines
        for column, e in zip(panel.columns, line.entries, strict=True)
    }
    names = ("row_key", "method", "reference", "setting", "dataset", "metric")
    expected = {tuple(row[n] for n in names): row["value"] or "-" for row in printed}
    assert len(expected) == {"table8": 156, "table9": 304}[name]
    assert shown == expected


@pytest.mark.parametrize("name", ["table8", "table9"])
def test_the_published_best_and_second_are_those_of_the_column(name: str) -> None:
    (panel,) = published(name).panels
    for place, column in enumerate(panel.columns):
        values = {
            line.key: float(line.entries[place].text)
            for line in panel.lines
            if line.entries[place].text != "-"
        }
        best, second = sorted(set(values.values()), reverse=True)[:2]
        for line in panel.lines:
            value = values.get(line.key)
            wanted = {best: Mark.BEST, second: Mark.SECOND}.get(value, Mark.NONE)  # type: ignore[arg-type]
            assert line.entries[place].mark is wanted, (line.key, column)


def test_a_row_of_ours_has_a_name_of_its_own_where_it_is_not_what_was_printed() -> None:
    study, layout = content().study("table9"), content().layout("table9")
    numbers = content().published("table9")
    table = build_table(layout, rows_of(study.rows, numbers), study.tasks, {})
    ours = {line.key: line.label for line in table.panels[0].lines}
    printed = {line.key: line.label for line in published("table9").panels[0].lines}
    assert (ours["ecn"], printed["ecn"]) == ("ECN without CamStyle", "ECN")


def test_a_part_of_the_rows_keeps_the_systems_that_nobody_measures() -> None:
    keys = [line.key for line in published("table8", {"jvtc"}).panels[0].lines]
    assert "jvtc" in keys
    assert "softsim" in keys
    assert "gclplus_jvtc" not in keys


def test_measured_tables_hold_the_rows_of_the_study_and_no_published_number() -> None:
    study, layout = content().study("table9"), content().layout("table9")
    numbers = content().published("table9")
    table = build_table(layout, rows_of(study.rows, numbers), study.tasks, {})
    (panel,) = table.panels
    assert [line.key for line in panel.lines] == [row.key for row in study.rows]
    assert {e.text for line in panel.lines for e in line.entries} <= {"-", ""}
    assert table.texts == ("Reference",)
    assert {line.key: line.texts[0] for line in panel.lines}["jvtc_plus"] == "ECCV'20"


def test_every_printed_system_has_a_recipe_and_every_link_leads_to_a_row() -> None:
    here = content()
    linked: dict[tuple[str, str], list[str]] = {}
    for name in here.names("baselines"):
        recipe = here.recipe(name)
        numbers = here.published_of(recipe)  # raises for a row that nobody printed
        assert recipe.runs_here or numbers
        for table, rows in recipe.published.items():
            for row in rows:
                linked.setdefault((table, row), []).append(name)
    assert [key for key, names in linked.items() if len(names) > 1] == []
    printed = {(table, row["row_key"]) for table in SYSTEMS for row in as_printed(table)}
    assert printed <= set(linked)


@pytest.mark.parametrize("name", content().names("baselines"))
def test_a_recipes_reference_is_the_printed_one(name: str) -> None:
    recipe = content().recipe(name)
    printed = {n.columns.get("reference") for n in content().published_of(recipe)} - {None}
    if printed and printed != {"This paper"}:
        assert printed == {recipe.reference}
    words = {word.strip() for word in recipe.setting.split(",")}
    settings = {number.setting for number in content().published_of(recipe)}
    assert settings <= words <= {"usl", "uda", "video"}


def test_systems_known_by_numbers_run_in_no_study() -> None:
    here = content()
    unrun = [here.recipe(name) for name in here.names("baselines")]
    unrun = [recipe for recipe in unrun if not recipe.runs_here]
    for table in SYSTEMS:
        rows = {row.key for row in here.study(table).rows}
        assert not rows & {row for recipe in unrun for row in recipe.published.get(table, ())}


def test_the_zoos_page_says_of_every_recipe_whether_it_runs_here() -> None:
    page = (ROOT / "docs" / "baselines" / "README.md").read_text(encoding="utf-8")
    runs, after = page.split("## Published numbers only")
    printed = after.split("## ")[0]
    here = content()
    for name in here.names("baselines"):
        one, other = (runs, printed) if here.recipe(name).runs_here else (printed, runs)
        assert f"`{name}`" in one, name
        assert f"`{name}`" not in other, name


def test_a_reimplemented_system_is_marked_and_says_what_rests_on_what() -> None:
    zoo = ROOT / "docs" / "baselines"
    table = (zoo / "README.md").read_text(encoding="utf-8").splitlines()
    here = content()
    names = {name for name in here.names("baselines") if here.recipe(name).reimplemented}
    assert names >= {"mmt", "ssg", "ecn", "spcl", "cluster_contrast"}
    assert names == {line.split("`")[1] for line in table if "; reimplemented" in line}
    for name in names:
        assert "## What rests on what" in (zoo / f"{name}.md").read_text(encoding="utf-8"), name


# What the remarks quote: table, row, task.
QUOTED = {
    "table8": [
        *(("table8", "jvtc", task) for task in ("market1501", "dukemtmc-reid")),
        *(("table6", "baseline", task) for task in ("market1501", "dukemtmc-reid")),
        ("table8", "gcl_jvtc", "market1501"),
        ("table6", "rotation", "market1501"),
    ],
    "table9": [
        *(("table9", "jvtc", task) for task in ("duke2market", "market2duke")),
        *(("table6", "baseline", task) for task in ("duke2market", "market2duke")),
    ],
    "table10": [],
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_conflict_between_sources_stands_below_the_published_table(name: str) -> None:
    remarks = content().layout(name).remarks
    assert remarks
    assert published(name).footnotes[-len(remarks) :] == remarks
    text = " ".join(remarks)
    for table, row, task in QUOTED[name]:
        (value,) = {
            line["value"]
            for line in as_printed(table)
            if (line["row_key"], line["dataset"], line["metric"]) == (row, task, "mAP")
        }
        assert value in text, (table, row, task)
    assert name == "table9" or "September 2019" in text  # BUC before and after its correction
