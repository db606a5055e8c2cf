"""An error that finds nothing says what there is under other words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gclbench.plan import ArtifactStore
from gclbench.study.measured_so_far import measured_so_far
from gclbench.study.opened import OpenStudy
from gclbench.tracking import RunStore

SCORES = {"mAP": 40.0, "R1": 60.0, "R5": 80.0, "R10": 90.0}


def remember(opened: OpenStudy, **others: Any) -> None:
    store = RunStore(opened.store_url)
    for cell in opened.cells:
        asked = {"study": "table6", "profile": "smoke", "overrides": {}, **others}
        place = {"seed": cell.seed, "row": cell.row.key, "task": cell.task.name}
        store.remember([{**asked, **place, "node_key": opened.plan.evaluate_key(cell)}])
    store.close()


def test_profiles_settings_and_seeds_of_finished_cells_are_named(
    open_one: Any, commit: Any
) -> None:
    opened = open_one(rows=("baseline", "none"), tasks=("market1501",), seeds=(1, 2))
    home = opened.question.home
    remember(opened)
    remember(opened, profile="laptop", overrides={"joint.epochs": 2})
    remember(opened, study="table7", profile="paper")
    assert measured_so_far(home, None, ["table6"]) == ""  # asked for, and nothing finished
    for cell in opened.cells[1:]:
        commit(opened, opened.plan.node(opened.plan.evaluate_key(cell)), SCORES)
    assert measured_so_far(home, None, ["table6"]) == (
        " There are: profile=laptop joint.epochs=2 (2 rows, seeds 1,2); "
        "profile=smoke (2 rows, seeds 1,2)."
    )
    assert "table7 profile=paper" in measured_so_far(home, None, [])
    assert measured_so_far(home, None, ["table8"]) == ""


@pytest.mark.parametrize("content", [None, b"no database"])
def test_a_store_that_is_not_there_or_damaged_has_nothing_to_say(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "store.db").write_bytes(content * 400)
    assert measured_so_far(tmp_path, None, ["table6"]) == ""


def test_a_key_that_is_not_there_names_the_stages_that_are(small: OpenStudy, commit: Any) -> None:
    for node in small.plan.nodes:
        commit(small, node, SCORES)
    with pytest.raises(Exception, match=r"There are: 1 evaluate \(.* 1 pretrain \(.* 1 warmup"):
        ArtifactStore(small.question.home).find("ffffffff")
