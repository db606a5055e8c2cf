"""What tracklets and BUC read enters the keys of the nodes that read it, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gclbench.schema import Stage
from gclbench.study.opened import open_study
from gclbench.study.question import Question

Keys = dict[tuple[str, ...], str]


@pytest.fixture
def keys(tmp_path: Path) -> Any:
    def of(study: str, **overrides: Any) -> Keys:
        """Stage, row and task -> key, of the whole chain of each cell."""
        words = {name.replace("__", "."): value for name, value in overrides.items()}
        request = Question((study,), tmp_path / "home", profile="laptop", overrides=words)
        opened = open_study(request)
        return {
            (opened.plan.node(key).stage.value, cell.row.key, cell.task.name): key
            for cell in opened.cells
            for key in opened.plan.chain(cell)
        }

    return of


def changed(before: Keys, after: Keys) -> set[tuple[str, ...]]:
    assert before.keys() == after.keys()
    return {place for place in before if before[place] != after[place]}


def test_rows_of_table_10_share_stages_1_and_2(keys: Any) -> None:
    found = keys("table10")
    for task in ("mars", "dukemtmc-videoreid"):
        rows = ("baseline_buc", "gcl", "gclplus", "none", "oracle_rotation")
        assert len({found["warmup", row, task] for row in rows}) == 1
        assert found["gan", "gcl", task] == found["gan", "gclplus", task]
        assert len({found["joint", row, task] for row in rows[1:]}) == 4


def test_frames_of_a_step_are_read_by_stage_3_of_their_own_dataset(keys: Any) -> None:
    places = changed(keys("table10"), keys("table10", data__video__mars_frames=5))
    rows = ("gcl", "gclplus", "none", "oracle_rotation")
    assert places == {(stage, row, "mars") for stage in ("joint", "evaluate") for row in rows}


def test_images_read_no_setting_of_tracklets_and_jvtc_none_of_buc(keys: Any) -> None:
    words: dict[str, Any] = {
        "data__video__mars_frames": 5,
        "data__video__dukemtmc_videoreid_frames": 5,
        "data__video__train_frames_kept": 3,
        "warmup__buc__lr": 0.2,
        "warmup__buc__result": "last",
    }
    assert changed(keys("table6"), keys("table6", **words)) == set()


def test_buc_reads_its_section_and_nothing_of_jvtc(keys: Any) -> None:
    before = keys("table10")
    assert changed(before, keys("table10", warmup__epochs=99, warmup__lr=0.5)) == set()
    after = changed(before, keys("table10", warmup__buc__later_lr=0.02))
    assert after == {place for place in before if Stage.PRETRAIN.value not in place}


def test_buc_has_frames_of_its_own_and_stages_2_and_3_keep_theirs(
    keys: Any, tmp_path: Path
) -> None:
    before = keys("table10")
    fewer = changed(before, keys("table10", warmup__buc__frames_kept=8))
    assert fewer == {place for place in before if Stage.PRETRAIN.value not in place}
    assert changed(keys("table6"), keys("table6", warmup__buc__frames_kept=8)) == set()
    table6 = {"warmup__method": "buc"}
    images = changed(
        keys("table6", **table6), keys("table6", warmup__buc__frames_kept=8, **table6)
    )
    assert images == set()
    opened = open_study(Question(("table10",), tmp_path / "home", profile="laptop"))
    kept = {
        (node.stage.value, data.video.train_frames_kept)
        for node in opened.plan.nodes
        for _, data in node.data().values()
    }
    assert kept == {("warmup", 0), ("gan", 16), ("joint", 16), ("evaluate", 16)}


def test_scl_reads_its_frames_where_there_are_tracklets_and_only_there(keys: Any) -> None:
    for study, reads in (("table10", True), ("table6", False)):
        before = keys(study, warmup__method="scl")
        after = changed(before, keys(study, warmup__method="scl", warmup__scl__frames=7))
        trained = {place for place in before if Stage.PRETRAIN.value not in place}
        assert after == (trained if reads else set())
