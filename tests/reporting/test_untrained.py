"""Cells of which a stage took no step: what stands in tables, and what notes say."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from gclbench.reporting import Cell, Mark, RowInfo, Untrained, build_table
from gclbench.reporting.render import SUFFIXES, render
from gclbench.reporting.untrained import entries_of, reason, reasons, untrained_notes
from gclbench.schema import Layout, Panel, Task
from gclbench.schema.record import Idle

TASK = Task(name="market1501", setting="usl", label="Market", target="market1501")
LAYOUT = Layout(
    report="t",
    title="T",
    caption="C",
    metrics=("mAP", "R1"),
    panels=(Panel(title="P", tasks=("market1501",)),),
)
ROWS = [RowInfo("a", "A"), RowInfo("b", "B"), RowInfo("c", "C")]
JOINT = Idle(stage="joint", epochs=2, without_step=2, why="none of the 9 samples was clustered")
GAN = Idle(stage="gan", epochs=3, without_step=3, why="gan.batch_size=99 is more than the 9")
PARTLY = Idle(stage="warmup", epochs=8, without_step=3, why="few")
NAMES = {"a": "A", "b": "B", "c": "C"}, {"market1501": "Market"}


def untrained(row: str, seed: int = 0, *idle: Idle, **metrics: float) -> Untrained:
    return Untrained(row, "market1501", seed, idle or (JOINT,), metrics)


def table(found: list[Untrained], scores: dict[str, float]) -> Any:
    cells = {
        (row, "market1501", metric): Cell(value)
        for row, value in scores.items()
        for metric in ("mAP", "R1")
    }
    return build_table(LAYOUT, ROWS, [TASK], cells, instead=entries_of(found))


def test_a_reason_names_the_stage_and_what_is_left() -> None:
    assert reason(JOINT) == "stage 3 took no step (none of the 9 samples was clustered)"
    assert reason(PARTLY) == "3 of 8 epochs of stage 1 took no step (few)"
    assert reasons([JOINT]).endswith("; this is the encoder of stage 1")
    assert reasons([GAN]).endswith("; G and D are as they were drawn")
    source = Idle(stage="source", epochs=1, without_step=1, why="w")
    assert reasons([source]).endswith(
        "source took no step (w); the encoder is the one it was given"
    )
    assert reasons([PARTLY]) == reasons([]) == ""


def test_their_number_is_marked_and_takes_no_part() -> None:
    found = table([untrained("a", mAP=90.0, R1=95.0)], {"b": 40.0, "c": 50.0})
    (panel,) = found.panels
    lost, second, best = (line.entries[0] for line in panel.lines)
    assert (lost.text, lost.mark, lost.cell) == ("90.0 †", Mark.NONE, None)
    assert lost.untrained == reasons([JOINT])
    assert (best.mark, second.mark) == (Mark.BEST, Mark.SECOND)
    assert not any("not measured" in note for note in found.footnotes)


def test_several_seeds_are_averaged_and_other_seeds_go_first() -> None:
    both = [untrained("a", 0, mAP=10.0), untrained("a", 1, mAP=20.0)]
    assert entries_of(both)["a", "market1501", "mAP"].text == "15.0 †"
    kept = table(both, {"a": 40.0}).panels[0].lines[0].entries[0]
    assert (kept.text, kept.untrained) == ("40.0", reasons([JOINT]))
    assert kept.cell is not None


def test_cells_with_some_idle_epochs_keep_their_number() -> None:
    assert entries_of([untrained("a", 0, PARTLY)]) == {}


def test_notes_say_what_is_left_out_and_why() -> None:
    found = [
        untrained("a", 0, mAP=1.0),
        untrained("b", 0, mAP=1.0),
        untrained("b", 1, mAP=1.0),
        untrained("c", 2, PARTLY),
    ]
    notes = untrained_notes(found, *NAMES, {("b", "market1501"), ("c", "market1501")})
    why = f"stage 3 took no step ({JOINT.why}); this is the encoder of stage 1"
    assert notes == [
        f"† Part of nothing: A, Market, seed 0: {why}.",
        f"Left out, other seeds are used: B, Market, seed 0; B, Market, seed 1: {why}.",
        "C, Market, seed 2: 3 of 8 epochs of stage 1 took no step (few).",
    ]


@pytest.mark.parametrize("file_format", sorted(set(SUFFIXES) - {"csv"}))
def test_every_format_shows_the_mark(file_format: str, content: Any) -> None:
    text = render(file_format, [table([untrained("a", mAP=90.0, R1=95.0)], {"b": 40.0})], content)
    assert (r"90.0 $\dagger$" if file_format == "latex" else "90.0 †") in text


def test_csv_has_the_reason_and_no_value(content: Any) -> None:
    found = table([untrained("a", mAP=90.0, R1=95.0)], {"b": 40.0})
    records = {
        (each["row_key"], each["metric"]): each
        for each in csv.DictReader(io.StringIO(render("csv", [found], content)))
    }
    lost, kept = records["a", "mAP"], records["b", "mAP"]
    assert (lost["value"], lost["n_seeds"], lost["untrained"]) == ("", "0", reasons([JOINT]))
    assert (kept["value"], kept["untrained"]) == ("40.0", "")
