"""Batches that a training set cannot fill are refused by the plan, with their figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gclbench.datasets.amounts import count_samples
from gclbench.errors import OverrideError, UsageError
from gclbench.schema.settings import DataSettings, WorldSettings
from gclbench.study.opened import OpenStudy

Open = Callable[..., OpenStudy]
TASKS = {"tasks": ("duke2market",), "seeds": (0,)}
BUC = {"warmup.method": "buc"}
SSG = {"warmup.method": "ssg", "warmup.ssg.instances": 2}
ACT = {"warmup.method": "act", "warmup.act.instances": 2}
IDENTITIES = {"name": "identities", "images": 2}


def refuse(open_one: Open, overrides: dict[str, Any], row: str = "rotation", **more: Any) -> str:
    opened = open_one(rows=(row,), overrides=overrides, **{**TASKS, **more})
    with pytest.raises(UsageError) as refused:
        opened.check_needs()
    return str(refused.value)


@pytest.mark.parametrize(
    "overrides, text",
    [
        ({"pretrain.batch_size": 97}, "pretrain.batch_size=97 is more than the 96 training"),
        ({"source.batch_size": 97}, "samples of dukemtmc_reid: training on the source would"),
        ({**BUC, "warmup.buc.batch_size": 97}, "warmup.buc.batch_size=97 is more than the 96"),
        (
            {"gan.batch_size": 97},
            "gan.batch_size=97 is more than the 96 training samples of market1501",
        ),
        ({"joint.batch_size": 100000}, "joint.batch_size=100000 is more than the 96 training"),
        (
            {**SSG, "warmup.ssg.batch_images": 194},
            "warmup.ssg.batch_images=194 asks for 97 clusters, which is more than the 96",
        ),
        (
            {**ACT, "warmup.act.udap_batch_images": 194},
            "warmup.act.udap_batch_images=194 asks for 97 clusters",
        ),
        (
            {"joint.sampler": IDENTITIES, "joint.batch_size": 194},
            "joint.batch_size=194 asks for 97 clusters, which is more than the 96",
        ),
        (
            {"joint.sampler": {"name": "identities", "images": 9}},
            "joint.batch_size=8 is less than the images of one cluster",
        ),
    ],
)
def test_a_batch_that_cannot_be_made_is_refused_with_its_figures(
    open_one: Open, overrides: dict[str, Any], text: str
) -> None:
    assert text in refuse(open_one, overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        {"pretrain.batch_size": 96, "source.batch_size": 96, "gan.batch_size": 96},
        {**BUC, "warmup.buc.batch_size": 96, "joint.batch_size": 96},
        {**SSG, "warmup.ssg.batch_images": 192},
        {**ACT, "warmup.act.udap_batch_images": 194, "warmup.act.udap_iterations": 0},
        {"warmup.batch_images": 1000},  # JVTC takes what there is
        {"joint.sampler": IDENTITIES, "joint.batch_size": 192},
    ],
)
def test_a_batch_of_all_there_is_passes(open_one: Open, overrides: dict[str, Any]) -> None:
    open_one(rows=("rotation",), overrides=overrides, **TASKS).check_needs()


def test_tracklets_are_counted_not_their_frames(open_one: Open) -> None:
    said = refuse(open_one, {"joint.batch_size": 49}, "gcl", studies=("table10",), tasks=("mars",))
    assert "joint.batch_size=49 is more than the 48 training samples of mars" in said


def test_people_that_are_held_out_do_not_count(open_one: Open) -> None:
    held = {"data.validation_share": 0.25}
    world = WorldSettings(people_train=16, images_per_person=6)
    data = DataSettings(world=world, validation_share=0.25)
    assert count_samples("market1501", data) == 12 * 6
    assert "more than the 72 training" in refuse(open_one, {**held, "joint.batch_size": 73})


@pytest.mark.parametrize("section", ["joint", "pretrain", "source"])
def test_a_batch_of_one_has_no_statistics_for_batch_norm(open_one: Open, section: str) -> None:
    with pytest.raises(OverrideError, match=rf"{section}\.batch_size"):
        open_one(rows=("rotation",), overrides={f"{section}.batch_size": 1}, **TASKS)
