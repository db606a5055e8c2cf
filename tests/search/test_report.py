"""The files of a search: data of plots, tidy tables, text, and ink that repeats itself."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import pytest

from gclbench.search import plots
from gclbench.search.figures import contours, front, history, slices
from gclbench.search.report import (
    sensitivity_csv,
    summary,
    trial_line,
    trials_csv,
    write_files,
)
from gclbench.search.results import Importance, Results, SensitivityRow, TrialRow

EPS, TEMPERATURE = "joint.pseudo_labels.eps", "joint.temperature"


def row(number: int, score: float | None, **fields: Any) -> TrialRow:
    values = {} if score is None else {"mAP": score}
    state = "COMPLETE" if score is not None else "PRUNED"
    params = {EPS: 0.3 + 0.1 * number}
    return TrialRow(
        **{"number": number, "state": state, "params": params, "values": values} | fields
    )


def made(*rows: TrialRow, **fields: Any) -> Results:
    best = tuple(sorted((r for r in rows if r.complete), key=lambda r: -r.values["mAP"])[:1])
    return Results(
        **{
            "study": "dbscan_eps",
            "title": "A title",
            "name": "dbscan_eps-smoke-0123",
            "origin": "Data: synthetic_market1501. Profile: smoke. Seed: 0.",
            "parameters": (EPS,),
            "objectives": ("mAP",),
            "log": frozenset(),
            "trials": rows,
            "best": best,
            "importance": Importance({}, "No parameter importance: the search has one parameter."),
            "sensitivity": (SensitivityRow(0.3, 12.0, 40.0, 38.5, 61.25),),
        }
        | fields
    )


ROWS = (
    row(0, 40.0, test_mAP=38.5, test_R1=61.25, clusters=12.0, seconds=31.4, node="abc"),
    row(1, 50.0, reused=True, seconds=2.0),
    row(2, None, reported={1: 3.0, 2: 2.5}),
    row(3, 45.0, retry_of=2),
)


@pytest.fixture
def two() -> Results:
    rows = [
        row(i, 40.0 + i, params={EPS: 0.3 + 0.1 * i, TEMPERATURE: t}, test_mAP=30.0)
        for i, t in enumerate((0.01, 0.1, 0.03, 0.2))
    ]
    rows = [
        TrialRow(**{**vars(r), "values": {**r.values, "seconds": 100.0 - r.number}}) for r in rows
    ]
    return made(
        *rows,
        parameters=(EPS, TEMPERATURE),
        objectives=("mAP", "seconds"),
        log=frozenset({TEMPERATURE}),
        importance=Importance({EPS: 0.75, TEMPERATURE: 0.25}, "Parameter importance (fANOVA)"),
        sensitivity=(),
    )


def test_history_never_falls_and_shows_the_pruned() -> None:
    data = history(made(*ROWS))
    assert data.points == ((0, 40.0), (1, 50.0), (3, 45.0))
    assert data.best == ((0, 40.0), (1, 50.0), (3, 50.0))
    assert data.pruned == ((2, 2.5),)


def test_a_slice_goes_from_left_to_right() -> None:
    (data,) = slices(made(row(2, 1.0), row(0, 2.0, test_mAP=5.0)))
    assert data.x == pytest.approx((0.3, 0.5))
    assert data.mAP == (2.0, 1.0)
    assert data.test[0] == 5.0
    assert math.isnan(data.test[1])


def test_choices_stand_beside_each_other() -> None:
    form = "joint.l_mix_form"
    rows = [row(i, 1.0, params={form: word}) for i, word in enumerate(("paper", "code", "paper"))]
    (data,) = slices(made(*rows, parameters=(form,)))
    assert data.axis.ticks == ("code", "paper")
    assert data.x == (0.0, 1.0, 1.0)


def test_a_pair_of_parameters_has_a_contour_and_a_single_one_none(two: Results) -> None:
    (data,) = contours(two)
    assert (data.across.log, data.up.log) == (False, True)
    assert data.y == (0.01, 0.1, 0.03, 0.2)
    assert contours(made(*ROWS)) == []


def test_only_two_objectives_have_a_front(two: Results) -> None:
    data = front(two)
    assert data is not None
    assert data.seconds == (100.0, 99.0, 98.0, 97.0)
    assert data.on_front == (False, False, False, True)
    assert front(made(*ROWS)) is None


def test_a_plot_per_question_that_can_be_asked(two: Results) -> None:
    assert sorted(plots.draw_all(made(*ROWS))) == ["history", "slice"]
    assert sorted(plots.draw_all(two)) == ["contour", "front", "history", "importance", "slice"]
    assert plots.draw_all(made(row(0, None))) == {}


def test_the_same_data_is_the_same_bytes(two: Results) -> None:
    first, again = plots.draw_all(two), plots.draw_all(two)
    assert first == again
    for formats in first.values():
        assert formats["pdf"].startswith(b"%PDF")
        assert formats["png"].startswith(b"\x89PNG")
        assert b"<svg" in formats["svg"]
        assert b"CreationDate" not in formats["pdf"]


def test_points_on_a_line_and_a_single_point_have_no_surface_but_are_drawn() -> None:
    flat = [row(i, 1.0 + i, params={EPS: 0.3 + 0.1 * i, TEMPERATURE: 0.05}) for i in range(3)]
    for rows in (flat, flat[:1]):
        drawn = plots.draw_all(made(*rows, parameters=(EPS, TEMPERATURE)))
        assert "contour" in drawn


def test_drawing_leaves_matplotlib_as_it_was(two: Results) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.draw_all(two)
    assert dict(matplotlib.rcParams) == before


def test_trials_are_one_tidy_line_each() -> None:
    lines = list(csv.DictReader(io.StringIO(trials_csv(made(*ROWS)))))
    assert [line["number"] for line in lines] == ["0", "1", "2", "3"]
    assert lines[0][EPS] == "0.3"
    assert (lines[0]["validation_mAP"], lines[0]["test_mAP"], lines[0]["node"]) == (
        "40.0",
        "38.5",
        "abc",
    )
    assert (lines[1]["reused"], lines[2]["state"], lines[2]["validation_mAP"]) == (
        "true",
        "PRUNED",
        "",
    )
    assert lines[3]["retry_of"] == "2"


def test_the_sensitivity_table_is_in_the_form_of_table_5() -> None:
    assert sensitivity_csv(made(*ROWS)).splitlines() == [
        f"{EPS},clusters,validation_mAP,test_mAP,test_R1",
        "0.3,12.0,40.0,38.5,61.25",
    ]
    text = summary(made(*ROWS))
    assert "| eps | N | mAP (validation) | mAP (test) | R1 (test) |" in text
    assert "| 0.3 | 12 | 40.0 | 38.5 | 61.2 |" in text


def test_no_text_of_a_trial_breaks_the_table_of_trials() -> None:
    text = summary(made(row(4, None, state="FAIL", error="<Tensor> | no_disk\nleft")))
    (line,) = (line for line in text.splitlines() if line.startswith("| 4 |"))
    assert line.endswith(r"| \<Tensor\> \| no\_disk left |")


def test_the_summary_names_best_importance_and_what_chose_nothing(two: Results) -> None:
    text = summary(made(*ROWS))
    assert "4 trials: 3 complete, 1 pruned, 0 failed." in text
    assert f"- trial 1: `{EPS}=0.4`: validation mAP 50.0" in text
    assert "No parameter importance: the search has one parameter." in text
    assert "chose nothing" in text
    assert r"Data: synthetic\_market1501. Profile: smoke." in text
    assert "- joint.pseudo\\_labels.eps: 0.75\n- joint.temperature: 0.25" in summary(two)
    assert "## Sensitivity" not in summary(two)


@pytest.mark.parametrize(
    "shown,parts",
    [
        (
            ROWS[0],
            ["trial   0", "eps 0.3", "validation mAP 40.0", "test mAP 38.5", "trained  31 s"],
        ),
        (ROWS[1], ["reused", "test mAP -"]),
        (ROWS[2], ["pruned after epoch 2, mAP 2.5"]),
        (ROWS[3], ["again: trial 2 was cut off"]),
        (row(4, None, state="FAIL", error="no disk"), ["failed: no disk"]),
    ],
)
def test_a_trial_is_one_line_on_screen(shown: TrialRow, parts: list[str]) -> None:
    line = trial_line(shown)
    assert all(part in line for part in parts)
    assert "\n" not in line


def test_all_files_are_written_whole(tmp_path: Path, two: Results) -> None:
    written = {path.name for path in write_files(made(*ROWS), tmp_path / "a")}
    assert written == {path.name for path in (tmp_path / "a").iterdir()}
    assert {"trials.csv", "summary.md", "sensitivity.csv", "history.svg"} <= written
    assert "front.pdf" in {path.name for path in write_files(two, tmp_path / "b")}


def test_a_damaged_trial_is_named_and_its_numbers_are_not_there() -> None:
    lost = row(2, None, state="DAMAGED", node="0123456789abcdef", error="damaged: it cannot be")
    found = made(row(0, 40.0), lost)
    text = summary(found)
    assert "2 trials: 1 complete, 0 pruned, 0 failed, 1 damaged." in text
    assert "Damaged, part of nothing (trial and node): 2 (0123456789ab)." in text
    assert "| 2 | damaged | 0.5 | - | - | - | damaged: it cannot be |" in text
    (record,) = [r for r in csv.DictReader(io.StringIO(trials_csv(found))) if r["number"] == "2"]
    assert (record["state"], record["validation_mAP"], record["test_mAP"]) == ("DAMAGED", "", "")
    assert trial_line(lost) == "trial   2  eps 0.5  damaged: it cannot be"
    assert "amaged" not in summary(made(row(0, 40.0)))
