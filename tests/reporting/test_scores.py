"""From scores per seed to cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from gclbench.reporting.scores import aggregate
from gclbench.schema import NodeRecord


@dataclass(frozen=True)
class Score:
    metrics: Mapping[str, float]
    ap: NDArray[np.float64]
    node: str
    records: tuple[NodeRecord, ...] = ()


def score(value: float, node: str) -> Score:
    ap = np.array([value - 20, value + 20, np.nan, value - 5, value + 5])
    return Score({"mAP": value, "R1": value + 10}, ap, node)


def test_mean_and_deviation_over_seeds_equal_the_plain_formulas() -> None:
    by_seed = {2: score(50.0, "c"), 0: score(40.0, "a"), 1: score(45.0, "b")}
    cell = aggregate({("row", "task"): by_seed}, ["R1"], {"task": "data"})["row", "task", "R1"]
    assert cell.mean == pytest.approx(55.0)
    assert cell.std == pytest.approx(5.0)
    assert (cell.n_seeds, cell.node, cell.data) == (3, "a;b;c", "data")
    half = 4.302652729749464 * 5.0 / 3**0.5  # Student's t, 2 degrees of freedom, 97.5 %
    assert (cell.low, cell.high) == pytest.approx((55.0 - half, 55.0 + half))


def test_one_seed_has_an_interval_over_queries_for_map_only() -> None:
    cells = aggregate({("row", "task"): {7: score(60.0, "n")}}, ["mAP", "R1"], {})
    alone = cells["row", "task", "mAP"]
    assert alone.std is None
    assert alone.low is not None
    assert alone.high is not None
    assert 40.0 <= alone.low < 60.0 < alone.high <= 80.0
    assert cells["row", "task", "R1"].low is None


def test_a_report_repeats_to_the_last_digit() -> None:
    scores = {("row", "task"): {0: score(60.0, "n")}}
    assert aggregate(scores, ["mAP"], {}) == aggregate(scores, ["mAP"], {})


def test_a_row_without_scores_gives_no_cell() -> None:
    assert aggregate({("row", "task"): {}}, ["mAP"], {}) == {}
