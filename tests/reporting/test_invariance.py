"""Retrieval by factor: means, drops, what a row buys, and the files that say so."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from gclbench.errors import UsageError
from gclbench.reporting import Damaged, RowInfo
from gclbench.reporting.invariance import (
    FACTORS,
    CellFactors,
    FactorAp,
    TaskInvariance,
    build_task,
    plots,
    to_csv,
    to_object,
    to_tables,
)
from gclbench.reporting.invariance.plots import draw
from gclbench.reporting.render import render, terminal
from gclbench.schema import Task

NAN = float("nan")
EDGES = {
    "viewpoint": [45.0, 90.0, 135.0],
    "light": [0.05, 0.1],
    "pose": [7.0, 10.4],
    "clothing": [22.0, 30.0],
}
TASK = Task(name="market1501", setting="usl", label="Market & more", target="market1501")
ROWS = [
    RowInfo("oracle", "Oracle <true>", control=True),
    RowInfo("multi", "Multi"),
    RowInfo("baseline", "Baseline"),
]


def cell(viewpoint: Any, clothing: Any = None, node: str = "n") -> CellFactors:
    """A cell with the AP of some queries by viewpoint bin; other factors are flat."""
    ap = {name: np.full((len(viewpoint), len(EDGES[name]) + 1), 50.0) for name in EDGES}
    ap["viewpoint"] = np.array(viewpoint, dtype=float)
    if clothing is not None:
        ap["clothing"] = np.array(clothing, dtype=float)
    return CellFactors({n: FactorAp(ap[n], np.array(EDGES[n])) for n in EDGES}, node)


@pytest.fixture(scope="module")
def build() -> Callable[..., TaskInvariance]:
    def make(cells: Any, rows: Any = ROWS) -> TaskInvariance:
        return build_task(TASK, "synthetic_market1501", rows, cells)

    return make


@pytest.fixture(scope="module")
def drawn(build: Callable[..., TaskInvariance]) -> TaskInvariance:
    """Three rows, three seeds, sixty queries: multi loses less to a turn than the baseline."""
    rng = np.random.default_rng(3)
    hole = rng.random((60, 4)) < 0.3
    group = rng.integers(0, 3, 60)

    def made(loss: float) -> CellFactors:
        view = 70 - loss * np.arange(4) / 3 + rng.normal(0, 8, (60, 4))
        worn = np.full((60, 3), NAN)
        worn[np.arange(60), group] = 40 + 10 * group + rng.normal(0, 5, 60)
        return cell(np.where(hole, NAN, view), worn)

    losses = {"baseline": 40.0, "multi": 20.0, "oracle": 5.0}
    return build({key: {s: made(loss) for s in range(3)} for key, loss in losses.items()})


def line(found: TaskInvariance, row: str, factor: str = "viewpoint") -> Any:
    panel = next(panel for panel in found.panels if panel.factor.name == factor)
    return next(line for line in panel.lines if line.key == row)


def test_a_bin_is_the_mean_of_the_queries_that_have_it(build: Any) -> None:
    found = build({"baseline": {0: cell([[80, NAN, 20, 10], [60, 30, NAN, 30]])}})
    means = [each.mean for each in line(found, "baseline").bins]
    assert means == [70.0, 30.0, 20.0, 20.0]
    assert found.panels[0].queries == (2, 1, 1, 2)


def test_seeds_are_averaged_and_their_spread_is_that_of_the_means(build: Any) -> None:
    seeds = {seed: cell([[40.0 + 10 * seed] * 4] * 2) for seed in (0, 1, 2)}
    first = line(build({"baseline": seeds}), "baseline").bins[0]
    assert (first.mean, first.std, first.n_seeds) == (50.0, 10.0, 3)
    assert first.low < 50 < first.high


def test_a_drop_is_near_minus_far_on_queries_with_both(build: Any) -> None:
    """The third query has no far match: it counts in its bin and not in the drop."""
    found = build({"baseline": {0: cell([[80, 0, 0, 50], [60, 0, 0, 50], [5, 0, 0, NAN]])}})
    drop = line(found, "baseline").drop
    assert drop.mean == (30 + 10) / 2
    assert drop.low == 10
    assert drop.high == 30
    assert found.panels[0].compared == 2


def test_the_drop_of_clothing_is_least_alike_minus_most_alike(build: Any) -> None:
    worn = [[20, NAN, NAN], [40, NAN, NAN], [NAN, 1, NAN], [NAN, NAN, 90], [NAN, NAN, 70]]
    found = build({"baseline": {0: cell([[1, 1, 1, 1]] * 5, worn)}})
    assert line(found, "baseline", "clothing").drop.mean == 80 - 30
    assert found.panels[3].compared == 4


def test_the_change_is_paired_with_the_baselines_drop(build: Any) -> None:
    """Queries differ wildly, the row's gain at the far end is 15 on each: no doubt is left."""
    near = np.array([90.0, 10.0, 50.0, 30.0])
    view = np.stack([near, near, near, near - 40], axis=1)
    better = view + np.array([0, 0, 0, 15])
    found = build({"baseline": {0: cell(view)}, "multi": {0: cell(better)}})
    change = line(found, "multi").change
    assert (change.low, change.mean, change.high) == pytest.approx((-15, -15, -15))
    assert line(found, "baseline").change is None
    assert found.reference.key == "baseline"


def test_the_change_of_clothing_is_paired_by_query_too(build: Any) -> None:
    hard, easy = [5.0, 45.0, 25.0], [90.0, 50.0, 70.0]
    worn = np.array([[v, NAN, NAN] for v in hard] + [[NAN, NAN, v] for v in easy])
    view = [[1, 1, 1, 1]] * 6
    found = build(
        {"baseline": {0: cell(view, worn)}, "multi": {0: cell(view, worn + np.array([12, 0, 2]))}}
    )
    change = line(found, "multi", "clothing").change
    assert (change.low, change.mean, change.high) == pytest.approx((-10, -10, -10))


def test_the_change_uses_the_seeds_that_both_have(build: Any) -> None:
    flat, steep = cell([[50, 50, 50, 50]] * 3), cell([[50, 50, 50, 20]] * 3)
    found = build({"baseline": {0: steep, 1: flat}, "multi": {1: flat, 2: steep}})
    assert line(found, "multi").change.mean == 0
    apart = build({"baseline": {0: steep}, "multi": {1: flat}})
    assert line(apart, "multi").change is None


def test_the_change_is_paired_seed_by_seed(build: Any) -> None:
    """The reference drops by 40 and by 10, the row by 10 less under each seed: -10 for sure."""
    near = np.array([[90.0], [50.0], [70.0]])

    def turned(loss: float) -> CellFactors:
        return cell(np.concatenate([near, near, near, near - loss], axis=1))

    base = {0: turned(40.0), 1: turned(10.0)}
    found = build({"baseline": base, "multi": {0: turned(30.0), 1: turned(0.0)}})
    change = line(found, "multi").change
    assert (change.low, change.mean, change.high) == pytest.approx((-10, -10, -10))
    assert line(found, "baseline").drop.mean == pytest.approx(25)


def test_without_a_baseline_the_first_row_is_the_reference(build: Any) -> None:
    one = cell([[1, 1, 1, 1]] * 2)
    found = build({"multi": {0: one}, "oracle": {0: one}})
    assert found.reference.key == "multi"
    assert [each.key for each in found.panels[0].lines] == ["multi", "oracle"]


def test_too_few_queries_give_no_drop_and_an_empty_bin_no_number(build: Any) -> None:
    found = build({"baseline": {0: cell([[50, NAN, 50, 20], [50, NAN, 50, NAN]])}})
    assert line(found, "baseline").bins[1] is None
    assert line(found, "baseline").drop is None
    text = render_all(found)
    assert "no query, or only one" in text


def test_rows_of_other_people_are_not_compared(build: Any) -> None:
    one, other = cell([[1, 1, 1, 1]]), cell([[1, 1, 1, NAN]])
    with pytest.raises(UsageError, match="'baseline' of seed 0 was measured on other people"):
        build({"baseline": {0: other}, "multi": {0: one}})
    factors = dict(one.factors)
    factors["light"] = replace(factors["light"], edges=np.array([0.1, 0.2]))
    with pytest.raises(UsageError, match="light gap"):
        build({"baseline": {0: one}, "multi": {0: CellFactors(factors)}})


def test_nothing_measured_is_an_error(build: Any) -> None:
    with pytest.raises(UsageError, match="nothing is measured"):
        build({})


def test_a_drop_and_a_gain_that_are_there_are_found(drawn: TaskInvariance) -> None:
    drop, change = line(drawn, "baseline").drop, line(drawn, "multi").change
    assert drop.low < 40 < drop.high
    assert drop.low > 0
    assert change.low < -20 < change.high < 0
    assert line(drawn, "baseline", "light").drop.mean == 0
    assert 15 < line(drawn, "baseline", "clothing").drop.low < 20


def test_numbers_repeat_to_the_last_digit(build: Any, drawn: TaskInvariance) -> None:
    one = cell([[80, 40, 20, 10], [60, 30, 20, 30], [10, 20, 30, 40]])
    first, again = (build({"baseline": {0: one}}) for _ in range(2))
    assert first == again


def render_all(found: TaskInvariance) -> str:
    return terminal.render(to_tables("t_invariance", "Title", [found], "smoke")[0]).plain


def test_the_table_shows_bins_drops_and_queries(drawn: TaskInvariance) -> None:
    text = render_all(drawn)
    assert "135°–180°" in text
    assert "×1.05–×1.11" in text
    assert "≥10.4°" in text
    lines = text.splitlines()
    (counted, *_) = (each.split() for each in lines if each.strip().startswith("queries"))
    panel = drawn.panels[0]
    assert counted[1:] == [str(n) for n in (*panel.queries, panel.compared)]
    assert any("Baseline" in each and "reference" in each for each in lines)
    assert "controls (ours)" in text
    assert "minus that of 'Baseline'" in text


def test_nothing_is_not_shown_as_less_than_nothing(build: Any) -> None:
    found = build({"baseline": {0: cell([[50.0, 50.0, 50.0, 50.01]] * 3)}})
    assert line(found, "baseline").drop.mean < 0
    assert "0.0 (0.0 to 0.0)" in render_all(found)
    assert "-0.0" not in render_all(found)


def test_csv_is_tidy_and_has_full_precision(drawn: TaskInvariance) -> None:
    records = list(csv.DictReader(io.StringIO(to_csv("t_invariance", [drawn]))))
    assert len(records) == 3 * (4 + 3 + 3 + 3 + 4 * 2)
    multi = [r for r in records if (r["row_key"], r["factor"]) == ("multi", "viewpoint")]
    assert [r["measure"] for r in multi] == ["mAP"] * 4 + ["drop", "drop_minus_baseline"]
    assert [(r["low_edge"], r["high_edge"]) for r in multi[:2]] == [("", "45.0"), ("45.0", "90.0")]
    assert float(multi[4]["value"]) == line(drawn, "multi").drop.mean
    assert int(multi[4]["queries"]) == drawn.panels[0].compared
    assert {r["n_seeds"] for r in records} == {"3"}


def test_json_is_plain_and_complete(drawn: TaskInvariance) -> None:
    found = json.loads(json.dumps(to_object("table6", "smoke", [drawn])))
    task = found["tasks"][0]
    assert (found["study"], task["reference"], task["seeds"]) == ("table6", "baseline", [0, 1, 2])
    view = task["factors"][0]
    assert view["edges"] == EDGES["viewpoint"]
    rows = {row["row"]: row for row in view["rows"]}
    assert rows["baseline"]["drop_minus_reference"] is None
    assert rows["multi"]["drop_minus_reference"]["high"] < 0


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_on_its_own(
    tmp_path: Path, drawn: TaskInvariance, content: list[Path]
) -> None:
    tables = to_tables("t_invariance", "Title", [drawn], "smoke")
    (tmp_path / "t.tex").write_text(render("latex", tables, content), encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-800:].decode(errors="replace")
    assert (tmp_path / "t.pdf").stat().st_size > 1000


@pytest.mark.parametrize("file_format", ["latex", "markdown", "html"])
def test_every_character_of_the_table_can_be_printed(
    drawn: TaskInvariance, content: list[Path], file_format: str
) -> None:
    text = render(file_format, to_tables("t_invariance", "Title", [drawn], "smoke"), content)
    assert "?" not in text
    assert "Multi" in text


def test_pictures_are_the_same_whenever_they_are_drawn(drawn: TaskInvariance) -> None:
    files = draw(drawn)
    assert list(files) == ["pdf", "png", "svg"]
    assert files["pdf"].startswith(b"%PDF")
    assert files["png"].startswith(b"\x89PNG")
    assert files == draw(drawn)


def painted(task: TaskInvariance) -> Figure:
    figure = Figure()
    plots._paint(task, figure)
    return figure


def test_bands_are_drawn_for_several_seeds_only(build: Any, drawn: TaskInvariance) -> None:
    one = build({"baseline": {0: cell([[80, 40, 20, 10], [60, 30, 20, 30]])}})
    for found, bands in ((one, 0), (drawn, 3)):
        panels = painted(found).axes
        assert [len(axes.collections) for axes in panels] == [bands] * 4
        assert [len(axes.lines) for axes in panels] == [len(found.panels[0].lines)] * 4


def test_a_picture_goes_from_easy_to_hard_and_counts_queries(drawn: TaskInvariance) -> None:
    """Clothing: the easy queries, whose best double is least alike, stand left."""
    view, _, _, worn = painted(drawn).axes
    shown = [label.get_text() for label in worn.get_xticklabels()]
    counts = drawn.panels[3].queries
    assert shown == [f"≥30\n({counts[2]})", f"22–30\n({counts[1]})", f"<22\n({counts[0]})"]
    assert view.get_xticklabels()[0].get_text() == f"<45°\n({drawn.panels[0].queries[0]})"
    assert list(worn.lines[0].get_ydata()) == [
        drawn.panels[3].lines[0].bins[b].mean for b in (2, 1, 0)
    ]


def test_factors_are_named_as_on_disk() -> None:
    """Names and units are written down twice, because reporting knows no evaluation."""
    from gclbench.datasets.synthetic.factors import Factors
    from gclbench.evaluation.invariance import factor_scores

    one = Factors(np.zeros(1), np.zeros(1), np.zeros((1, 23, 3)), np.zeros((1, 6)))
    yes, no = np.ones((1, 1), bool), np.zeros((1, 1), bool)
    scores = factor_scores(np.zeros((1, 1)), one, one, yes, no)
    assert {f.name: f.unit for f in FACTORS} == {name: s.unit for name, s in scores.items()}


@pytest.fixture(scope="module")
def spoilt() -> TaskInvariance:
    """The baseline is sound, one seed of multi is damaged, and all that the oracle has."""
    aps = [[80, 70, 60, 50], [60, 60, 30, 30], [40, 30, 20, 10]]
    cells = {row: {0: cell(aps, node=row)} for row in ("baseline", "multi")}
    keys = {"multi": "0123456789abcdef", "oracle": "fedcba9876543210"}
    damaged = [Damaged(row, TASK.name, 1, key) for row, key in keys.items()]
    return build_task(TASK, "synthetic_market1501", ROWS, cells, damaged)


def test_a_row_of_which_nothing_sound_is_left_has_no_number(spoilt: TaskInvariance) -> None:
    lost, partly = line(spoilt, "oracle"), line(spoilt, "multi")
    assert [each.key for each in spoilt.panels[0].lines] == ["multi", "baseline", "oracle"]
    assert (lost.lost, partly.lost, line(spoilt, "baseline").lost) == (True, False, False)
    assert (lost.drop, lost.change, set(lost.bins)) == (None, None, {None})
    assert partly.bins[0].mean == 60.0


def test_tables_say_damaged_and_the_footnotes_name_the_nodes(spoilt: TaskInvariance) -> None:
    (table,) = to_tables("t", "T", [spoilt], "smoke")
    lines = {each.key: each for each in table.panels[0].lines}
    assert {entry.text for entry in lines["oracle"].entries} == {"damaged"}
    assert "damaged" not in {entry.text for entry in lines["multi"].entries}
    text = " ".join(table.footnotes)
    assert "Oracle <true>, Market & more, seed 1 (evaluate fedcba987654)." in text
    assert (
        "their other seeds are used: Multi, Market & more, seed 1 (evaluate 0123456789ab)" in text
    )
    assert "has a true match there" not in text  # a dash would mean this


def test_files_for_programs_hold_the_keys_and_no_number(spoilt: TaskInvariance) -> None:
    rows = to_object("s", "smoke", [spoilt])["tasks"][0]["factors"][0]["rows"]
    oracle = next(row for row in rows if row["row"] == "oracle")
    assert oracle["damaged"] == ["fedcba9876543210"]
    assert (set(oracle["mAP"]), oracle["drop"]) == ({None}, None)
    records = list(csv.DictReader(io.StringIO(to_csv("t", [spoilt]))))
    damaged = {record["row_key"]: record["damaged"] for record in records}
    assert damaged == {
        "baseline": "", "multi": "0123456789abcdef", "oracle": "fedcba9876543210",
    }  # fmt: skip
    assert {r["value"] for r in records if r["row_key"] == "oracle"} == {""}


def test_a_lost_row_has_no_line_in_a_picture(
    spoilt: TaskInvariance, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    draw_line = plots._draw_line

    def heard(axes: Any, line: Any, *words: Any, **more: Any) -> None:
        seen.append(line.key)
        draw_line(axes, line, *words, **more)

    monkeypatch.setattr(plots, "_draw_line", heard)
    assert draw(spoilt)
    assert set(seen) == {"baseline", "multi"}
