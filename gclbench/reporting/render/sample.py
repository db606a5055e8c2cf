"""A small table with every part of one: what templates are tried with."""

from __future__ import annotations

from typing import Final

from gclbench.reporting.table import (
    CONTROLS,
    Cell,
    Column,
    Entry,
    FlagHead,
    Line,
    Mark,
    PanelData,
    TableData,
)

_FLAGS = (("gan", "1"), ("reference", "here"))
_COLUMNS = (Column("task", "usl", "data", "mAP"), Column("task", "usl", "data", "R1"))


def _line(key: str, group: str, *entries: Entry) -> Line:
    control = group == CONTROLS
    return Line(key, key, group, control, (key == "second",), _FLAGS, entries, ("here",))


SAMPLE: Final = TableData(
    report="sample",
    kind="measured",
    title="Title",
    caption="Caption",
    flags=(FlagHead("GAN", "parts"),),
    panels=(
        PanelData(
            "Panel",
            _COLUMNS,
            (
                _line("first", "group", Entry("1.0", Mark.SECOND, tie=True), Entry("-")),
                _line("second", "other", Entry("2.0 ± 0.1", Mark.BEST, cell=Cell(2.0)), Entry("")),
                _line("third", CONTROLS, Entry("3.0"), Entry("4.0")),
            ),
        ),
    ),
    footnotes=("Note.",),
    texts=("Reference",),
    profile="smoke",
    settings={"seed": 0},
)
