"""The warm-up keeps the contract of its kind; what its loss is, and where it starts."""

from __future__ import annotations

import math

import own_study.instance  # noqa: F401  (registers it)
import pytest

from gclbench.testing.tiny_set import tiny_settings
from gclbench.testing.warmups import WarmupCase, WarmupContract, whole

SETTINGS = tiny_settings({"warmup.method": "instance"})


class TestInstance(WarmupContract):
    @pytest.fixture(params=[False, True], ids=["unsupervised", "sourced"])
    def case(self, request: pytest.FixtureRequest) -> WarmupCase:
        return WarmupCase(SETTINGS, request.param)


def test_a_temperature_that_levels_all_rows_gives_the_entropy_of_chance() -> None:
    level = tiny_settings({"warmup.method": "instance", "warmup.global_temperature": 1e6})
    losses = [epoch["loss"] for epoch in whole(WarmupCase(level)).epochs]
    images = 8 * 5 + 2
    assert losses == pytest.approx([math.log(images)] * 3, abs=1e-4)


class TestSlowInstance(WarmupContract):
    """The contract holds whatever a parameter says."""

    @pytest.fixture
    def case(self) -> WarmupCase:
        return WarmupCase(tiny_settings({"warmup.method": {"name": "instance", "old_row": 0.9}}))


def test_a_slower_memory_leads_somewhere_else() -> None:
    slow = tiny_settings({"warmup.method": {"name": "instance", "old_row": 0.9}})
    losses = [
        [epoch["loss"] for epoch in whole(WarmupCase(settings)).epochs]
        for settings in (SETTINGS, slow)
    ]
    assert losses[0][-1] != losses[1][-1]


def test_it_learns_to_tell_images_apart() -> None:
    losses = [epoch["loss"] for epoch in whole(WarmupCase(SETTINGS)).epochs]
    assert losses[-1] < losses[0]
