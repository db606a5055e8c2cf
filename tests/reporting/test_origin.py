"""How the data of a task are called."""

from __future__ import annotations

from gclbench.reporting.origin import data_heading
from gclbench.schema import Task


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
