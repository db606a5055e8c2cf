"""Line plots as data, and their ink."""

from __future__ import annotations

from typing import Any

import pytest

from gclbench.reporting import Damaged, ink
from gclbench.reporting.ink import FORMATS
from gclbench.reporting.lines import FigureData, Line, LinePanel, build_figure
from gclbench.reporting.plots import draw_figure
from gclbench.reporting.table import Cell
from gclbench.schema import Layout, Panel, Plot, Row


def layout(*plots: Plot) -> Layout:
    panels = (Panel(title="", tasks=("a", "b")),)
    return Layout(report="fig", title="T", caption="", panels=panels, plots=plots)


EPS = Plot(axis="eps", label="threshold", metrics=("N", "mAP"), stated=0.5)
ROWS = [
    Row(key="hi", label="hi", at={"eps": 0.6}),
    Row(key="lo", label="lo", at={"eps": 0.4}),
    Row(key="else", label="else", at={"tau": 0.1}),
]


def build(scores: Any, *, plots: Any = (EPS,), tasks: Any = None, curves: Any = None) -> Any:
    return build_figure(layout(*plots), ROWS, tasks or {"a": "A", "b": "B"}, scores, curves or {})


def test_points_stand_by_value_whatever_the_order_of_the_rows() -> None:
    scores = {("hi", "a", "mAP"): Cell(60.0), ("lo", "a", "mAP"): Cell(40.0)}
    figure = build(scores)
    ((panel,),) = figure.panels  # no N was measured: no empty panel
    assert (panel.x_label, panel.y_label, panel.stated) == ("threshold", "mAP (%)", 0.5)
    assert panel.lines == (Line("A", (0.4, 0.6), (40.0, 60.0)),)


def test_a_task_is_a_line_and_a_metric_a_panel() -> None:
    scores = {
        (row, task, metric): Cell(value)
        for row, value in (("hi", 2.0), ("lo", 1.0))
        for task in "ab"
        for metric in ("N", "mAP")
    }
    figure = build(scores)
    assert [panel.y_label for panel in figure.panels[0]] == ["clusters N", "mAP (%)"]
    assert [line.label for line in figure.panels[0][0].lines] == ["A", "B"]
    assert figure.note == ""


def test_bands_are_over_seeds_and_never_over_queries() -> None:
    one_seed = {("hi", "a", "mAP"): Cell(60.0, low=50.0, high=70.0)}
    assert build(one_seed).panels[0][0].lines[0].low == ()
    seeds = {("hi", "a", "mAP"): Cell(60.0, 1.0, 58.0, 62.0, n_seeds=3)}
    line = build(seeds).panels[0][0].lines[0]
    assert (line.low, line.high) == ((58.0,), (62.0,))
    assert "95 % interval over seeds" in build(seeds).note


def test_the_data_of_a_single_task_is_named() -> None:
    scores = {("hi", "a", "mAP"): Cell(60.0)}
    assert build(scores, tasks={"a": "synthetic_a"}).note == "synthetic_a"


def test_nothing_measured_is_no_figure() -> None:
    assert build({}) is None
    assert build({("hi", "a", "mAP"): Cell(float("nan"))}) is None
    assert build({("hi", "a", "mAP"): Cell(1.0)}, plots=()) is None


def test_epochs_give_a_line_a_row_with_its_mean_over_seeds() -> None:
    plot = Plot(axis="epoch", label="epoch", metrics=("NMI",))
    curves = {
        ("hi", "a"): {
            0: [{"epoch": 1, "nmi": 0.5}, {"epoch": 2, "nmi": 0.7}],
            1: [{"epoch": 1, "nmi": 0.7}],
        },
        ("lo", "a"): {0: [{"epoch": 1, "loss": 3.0}]},
    }
    figure = build({}, plots=(plot,), tasks={"a": "A"}, curves=curves)
    ((panel,),) = figure.panels
    (line,) = panel.lines  # a row without the metric has no line
    assert (line.label, line.x) == ("hi", (1,))  # only epochs that every seed has
    assert line.y == pytest.approx((60.0,))
    assert line.low[0] < 60.0 < line.high[0]


def test_with_several_tasks_an_epoch_line_names_its_task() -> None:
    plot = Plot(axis="epoch", label="epoch", metrics=("N",))
    curves = {("hi", task): {0: [{"epoch": 1, "clusters": 3.0}]} for task in "ab"}
    figure = build({}, plots=(plot,), curves=curves)
    assert [line.label for line in figure.panels[0][0].lines] == ["hi, A", "hi, B"]


FIGURE = FigureData(
    "fig",
    "some data",
    (
        (LinePanel("x", "y", (Line("one", (1, 2), (3.0, 4.0), (2.0, 3.0), (4.0, 5.0)),), 1.5),),
        (LinePanel("z", "y", (Line("one", (1, 2), (3.0, 4.0)),)),),
    ),
)


def test_a_figure_is_drawn_in_every_format_with_the_same_bytes_each_time() -> None:
    first, second = draw_figure(FIGURE), draw_figure(FIGURE)
    assert tuple(first) == FORMATS
    assert first == second
    assert first["png"].startswith(b"\x89PNG")
    assert first["pdf"].startswith(b"%PDF")
    other = FigureData("fig", "other data", FIGURE.panels)
    assert all(draw_figure(other)[kind] != first[kind] for kind in FORMATS)


def test_drawing_leaves_matplotlibs_settings_alone() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw_figure(FIGURE)
    assert dict(matplotlib.rcParams) == before


def test_no_letter_is_smaller_than_7_points() -> None:
    sizes = {name: size for name, size in ink._STYLE.items() if name.endswith("size")}
    letters = [size for name, size in sizes.items() if name != "lines.markersize"]
    assert min(letters) >= 7


def test_results_that_are_left_out_as_damaged_are_named_and_drawn_below_the_note() -> None:
    scores = {("lo", "a", "mAP"): Cell(40.0)}
    damaged = [Damaged("hi", "a", 3, "0123456789abcdef", "joint")]
    plain = build(scores)
    figure = build_figure(layout(EPS), ROWS, {"a": "A", "b": "B"}, scores, {}, damaged)
    assert figure is not None
    assert figure.panels == plain.panels
    assert (plain.without, figure.without) == (
        "",
        "Left out as damaged: hi, A, seed 3 (joint 0123456789ab).",
    )
    assert draw_figure(figure)["png"] != draw_figure(plain)["png"]
