"""How the data of a task are called."""

from __future__ import annotations

from typing import get_args

from gclbench.reporting.origin import data_heading, legend, short_names
from gclbench.schema import Role, Task


def test_a_uda_task_names_its_source_in_the_same_world() -> None:
    uda = Task(name="a", setting="uda", label="b", target="market1501", source="dukemtmc_reid")
    assert data_heading(uda, "synthetic_market1501") == (
        "synthetic_dukemtmc_reid → synthetic_market1501"
    )
    assert data_heading(uda, "market1501") == "dukemtmc_reid → market1501"


def test_a_real_target_may_be_called_by_its_version() -> None:
    uda = Task(name="a", setting="uda", label="b", target="msmt17", source="market1501")
    assert data_heading(uda, "msmt17_v2") == "market1501 → msmt17_v2"


def test_without_a_source_the_target_is_the_data() -> None:
    usl = Task(name="a", setting="usl", label="b", target="market1501")
    assert data_heading(usl, "synthetic_market1501") == "synthetic_market1501"


def test_twins_have_short_names_that_no_real_dataset_has() -> None:
    assert short_names("synthetic_dukemtmc_reid → synthetic_market1501") == "sDuke → sMarket"
    names = {short_names(f"synthetic_{role}") for role in get_args(Role)}
    assert names == {"sMarket", "sDuke", "sMSMT", "sMARS", "sDukeV"}
    assert short_names("market1501 → mars") == "market1501 → mars"
    assert short_names("synthetic_mine") == "smine"


def test_the_legend_names_each_twin_once() -> None:
    texts = ["synthetic_mars", "synthetic_dukemtmc_reid → synthetic_mars", "market1501"]
    assert legend(texts) == "sMARS = synthetic_mars, sDuke = synthetic_dukemtmc_reid"
    assert legend(["market1501"]) == ""
