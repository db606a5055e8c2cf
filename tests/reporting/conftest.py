"""A small table with every feature: groups, ticks, ties, a control, a gap, odd characters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gclbench.reporting import Cell, RowInfo, TableData, build_published_table, build_table
from gclbench.schema import Layout, PublishedNumber, Task

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def content() -> list[Path]:
    return [ROOT]


@pytest.fixture
def layout() -> Layout:
    return Layout(
        report="mini",
        title="Mini: 50 % & more",
        caption="A caption with a_b.",
        published="mini",
        panels=(
            {"title": "Unsupervised", "tasks": ("market1501",)},
            {"title": "UDA", "tasks": ("duke2market",)},
        ),
        metrics=("mAP", "R1"),
        flags=(
            {"column": "multi", "label": "Multi", "group": "ID-unrelated"},
            {"column": "mixup", "label": "Mixup", "group": "ID-related"},
        ),
        row_groups={"baseline": "w/o GAN", "multi": "w/o GAN", "full": "w/ GAN"},
    )


@pytest.fixture
def tasks() -> list[Task]:
    return [
        Task(name="market1501", setting="usl", label="Market", target="market1501"),
        Task(
            name="duke2market",
            setting="uda",
            label="Duke→Market",
            target="market1501",
            source="dukemtmc_reid",
        ),
    ]


@pytest.fixture
def rows() -> list[RowInfo]:
    return [
        RowInfo("baseline", "Baseline", flags={"gan": "0", "multi": "0", "mixup": "0"}),
        RowInfo(
            "none", "None <ours>", control=True, flags={"gan": "0", "multi": "0", "mixup": "0"}
        ),
        RowInfo("multi", "Multi", flags={"gan": "0", "multi": "1", "mixup": "0"}),
        RowInfo("full", "Rotation + Mixup", flags={"gan": "1", "multi": "0", "mixup": "1"}),
    ]


@pytest.fixture
def scores() -> dict[tuple[str, str, str], Cell | None]:
    def cell(mean: float, half: float) -> Cell:
        return Cell(
            mean, half / 2, mean - half, mean + half, 3, "k1;k2;k3", "synthetic_market1501"
        )

    return {
        ("baseline", "market1501", "mAP"): cell(40.04, 1.0),
        ("multi", "market1501", "mAP"): cell(50.0, 1.0),
        ("full", "market1501", "mAP"): cell(51.25, 1.0),
        ("none", "market1501", "mAP"): cell(70.0, 1.0),
        ("baseline", "market1501", "R1"): cell(60.0, 0.2),
        ("multi", "market1501", "R1"): cell(70.01, 0.2),
        ("full", "market1501", "R1"): cell(70.04, 0.2),
        ("none", "market1501", "R1"): None,
        ("baseline", "duke2market", "mAP"): cell(55.5, 2.0),
    }


@pytest.fixture
def measured(
    layout: Layout,
    rows: list[RowInfo],
    tasks: list[Task],
    scores: dict[tuple[str, str, str], Cell | None],
) -> TableData:
    return build_table(
        layout,
        rows,
        tasks,
        scores,
        data_labels={
            "market1501": "synthetic_market1501",
            "duke2market": "synthetic_dukemtmc_reid → synthetic_market1501",
        },
        seeds=(0, 1, 2),
        profile="laptop",
    )


@pytest.fixture
def numbers() -> list[PublishedNumber]:
    values = [
        ("baseline", "market1501", "mAP", "47.2"),
        ("full", "market1501", "mAP", "65.90"),
        ("baseline", "market1501", "R1", "75.4"),
        ("full", "market1501", "R1", "-"),
    ]
    flags = {
        "baseline": {"gan": "0", "multi": "0", "mixup": "0"},
        "full": {"gan": "1", "multi": "0", "mixup": "1"},
    }
    return [
        PublishedNumber(
            table="mini",
            row_key=row,
            setting="usl",
            dataset=dataset,
            metric=metric,
            value=None if printed == "-" else float(printed),
            printed=printed,
            columns=flags[row],
        )
        for row, dataset, metric, printed in values
    ]


@pytest.fixture
def published(
    layout: Layout, rows: list[RowInfo], tasks: list[Task], numbers: list[PublishedNumber]
) -> TableData:
    table = build_published_table(layout, rows, tasks, numbers)
    assert table is not None
    return table


@pytest.fixture
def line_of() -> Callable[[TableData, int, str], object]:
    def find(table: TableData, panel: int, key: str) -> object:
        return next(line for line in table.panels[panel].lines if line.key == key)

    return find
