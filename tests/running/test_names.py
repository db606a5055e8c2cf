"""Short names of nodes and cells: never a twin by a real dataset's name alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gclbench.running.names import Names, fitted, names_of

Open = Callable[..., Any]


def test_every_node_of_a_study_is_named_by_the_data_it_works_on(
    open_one: Open,
) -> None:
    opened = open_one(rows=("baseline", "rotation"), tasks=("market1501", "duke2market"))
    names = names_of(opened)
    assert set(names.nodes.values()) == {
        "pretrain rendered seed 0",
        "source sDuke seed 0",
        *(f"warmup jvtc {data} seed 0" for data in ("sMarket", "sDuke→sMarket")),
        *(f"gan {data} seed 0" for data in ("sMarket", "sDuke→sMarket")),
        *(f"joint rotation {data} seed 0" for data in ("sMarket", "sDuke→sMarket")),
        *(
            f"evaluate {row} {data} seed 0"
            for row in ("baseline", "rotation")
            for data in ("sMarket", "sDuke→sMarket")
        ),
    }
    assert names.data == {"market1501": "sMarket", "duke2market": "sDuke→sMarket"}
    assert names.legend == "sMarket = synthetic_market1501, sDuke = synthetic_dukemtmc_reid"


def test_real_data_keep_their_own_names(open_one: Open) -> None:
    opened = open_one(rows=("baseline",), tasks=("market1501",))
    opened.data_label = lambda task: "market1501"
    names = names_of(opened)
    assert "warmup jvtc market1501 seed 0" in names.nodes.values()
    assert names.legend == ""


def test_a_name_that_is_not_known_is_the_label(open_one: Open) -> None:
    (cell,) = open_one(rows=("baseline",), tasks=("market1501",)).cells
    assert Names().cell(cell) == "Market"


@pytest.mark.parametrize(
    ("width", "line"),
    [(30, "start  one  two!"), (16, "start  one  two!"), (15, "start  one!"), (4, "start!")],
)
def test_as_many_parts_as_fit_are_shown_and_the_end_in_any_case(width: int, line: str) -> None:
    assert fitted("start", ["one", "two"], width, "!") == line
