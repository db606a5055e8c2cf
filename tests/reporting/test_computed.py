"""Tables say when their cells come from several kinds of CPU, devices or versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gclbench.reporting import build_table
from gclbench.reporting.computed import NOT_RECORDED, Computed, computed_notes, computed_on
from gclbench.schema import NodeRecord

PLAIN = {
    "cpu_model": "Xeon",
    "instruction_set": "avx512",
    "device": "cpu",
    "versions": {"torch": "2.13.0", "numpy": "2.4.6", "gclbench": "0.1.0", "scipy": "1.17"},
}
HERE = Computed("Xeon, avx512", "cpu", "2.13.0", "2.4.6", "0.1.0")


def record(**values: Any) -> NodeRecord:
    identity = {"key": "k", "stage": "joint", "seed": 0, "label": "l", "settings": {}}
    return NodeRecord(**{**identity, **PLAIN, **values})


def test_stages_on_one_machine_are_one_kind() -> None:
    assert computed_on([record(), record(stage="evaluate")]) == HERE


@pytest.mark.parametrize(
    "other,field,joined",
    [
        ({"cpu_model": "EPYC"}, "cpu", "EPYC, avx512 + Xeon, avx512"),
        ({"instruction_set": "avx2"}, "cpu", "Xeon, avx2 + Xeon, avx512"),
        ({"device": "H200"}, "device", "H200 + cpu"),
        ({"versions": {}}, "torch", "2.13.0 + not recorded"),
        ({"cpu_model": "", "instruction_set": ""}, "cpu", "Xeon, avx512 + not recorded"),
    ],
)
def test_stages_that_ran_elsewhere_show(other: dict[str, Any], field: str, joined: str) -> None:
    assert getattr(computed_on([record(), record(**other)]), field) == joined


def test_records_of_before_are_not_recorded() -> None:
    old = record(cpu_model="", instruction_set="", device="")
    assert computed_on([old]) == replace(HERE, cpu=NOT_RECORDED, device=NOT_RECORDED)
    assert computed_on([]) == Computed()


def test_cells_that_are_alike_need_no_footnote() -> None:
    assert (
        computed_notes([HERE] * 3) == computed_notes([Computed()] * 2) == computed_notes([]) == []
    )


def test_differences_are_counted_the_unknown_last() -> None:
    other = replace(HERE, cpu="EPYC, avx2", torch="2.4.0")
    unknown = replace(HERE, cpu=NOT_RECORDED)
    assert computed_notes([unknown, other, HERE, unknown, HERE, unknown]) == [
        "Computed on several kinds of CPU: Xeon, avx512 (2 cells); EPYC, avx2 (1 cell); "
        "not recorded (3 cells).",
        "Computed on several versions of torch: 2.13.0 (5 cells); 2.4.0 (1 cell).",
    ]


def test_a_table_counts_each_row_task_and_seed_once(
    layout: Any, rows: Any, tasks: Any, scores: Any
) -> None:
    """Several metrics of one cell are one cell; a mean over seeds is as many as it has seeds."""
    gpu = replace(HERE, device="H200")
    known = {
        key: cell
        and replace(
            cell, node=f"{key[0]} {key[1]}", computed=(HERE, gpu if key[0] == "full" else HERE)
        )
        for key, cell in scores.items()
    }
    notes = build_table(layout, rows, tasks, known).footnotes
    (note,) = [each for each in notes if "Computed" in each]
    cells = {key[:2] for key, cell in known.items() if cell}
    assert sum(key[0] == "full" for key in cells) == 1
    cpu = 2 * len(cells) - 1
    assert note == f"Computed on several devices: cpu ({cpu} cells); H200 (1 cell)."
    assert not any(
        "Computed" in each for each in build_table(layout, rows, tasks, scores).footnotes
    )
