"""What warm-ups demand of a task: who demands what, the errors, and that stage 1 asks first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gclbench.errors import UnknownNameError, UsageError
from gclbench.registry import REGISTRY
from gclbench.stages.demands import check_demands
from gclbench.stages.warmup import warmup

IMAGES_ALONE = ["act", "cluster_contrast", "ecn", "mmcl", "mmt", "spcl", "ssg"]


@pytest.fixture
def made_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Register a warm-up `asks` with these attributes; the list tells whether it was made."""

    def register(**attributes: bool) -> list[str]:
        made: list[str] = []

        def init(self: Any, context: Any, encoder: Any) -> None:
            made.append(context.stage)
            self.epochs = 0

        kept = {kind: {e.name: e for e in REGISTRY.entries(kind)} for kind in REGISTRY.kinds()}
        monkeypatch.setattr(REGISTRY, "_entries", kept)
        asks = type("Asks", (), {"__init__": init, "state_dict": lambda self: {}, **attributes})
        REGISTRY.register("warmups", "asks")(asks)
        return made

    return register


def test_a_method_that_declares_nothing_takes_every_task(made_of: Callable[..., Any]) -> None:
    made_of()
    for sourced in (False, True):
        check_demands("asks", "this task", sourced=sourced, tracklets=["mars"])


def test_without_the_source_it_needs_a_method_is_refused(made_of: Callable[..., Any]) -> None:
    made_of(needs_source=True)
    with pytest.raises(UsageError, match=r"warmup\.method=asks needs .*, and task 'x' has none"):
        check_demands("asks", "task 'x'", sourced=False, tracklets=[])
    check_demands("asks", "task 'x'", sourced=True, tracklets=["mars"])


def test_tracklets_are_refused_with_the_names_of_those_that_take_them(
    made_of: Callable[..., Any],
) -> None:
    made_of(takes_tracklets=False)
    with pytest.raises(UsageError, match="runs on images, and mars holds tracklets") as caught:
        check_demands("asks", "this task", sourced=True, tracklets=["mars"])
    offered = str(caught.value.remedy).rpartition(": ")[2].rstrip(".").split(", ")
    assert {"buc", "jvtc", "scl"} <= set(offered)
    assert set(offered).isdisjoint([*IMAGES_ALONE, "asks"])
    check_demands("asks", "this task", sourced=False, tracklets=[])


def test_an_unknown_method_gets_the_nearest_word() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'jvtc'"):
        check_demands("jvtcc", "this task", sourced=False, tracklets=[])


def test_stage_1_asks_before_it_makes_the_method(
    made_of: Callable[..., list[str]], video: Any, bench: Any, tiny: Any
) -> None:
    made = made_of(takes_tracklets=False, needs_source=True)
    settings = tiny(warmup={"method": "asks"})
    with pytest.raises(UsageError, match="this task has none"):
        warmup(bench.context("warmup", settings, parents=bench.parents("pretrain")))
    with pytest.raises(UsageError, match="fake holds tracklets"):
        warmup(video.context("warmup", settings, parents=video.parents("source")))
    both = {"target": bench.dataset, "source": video.dataset}
    with pytest.raises(UsageError, match="fake holds tracklets"):
        warmup(bench.context("warmup", settings, parents=bench.parents("source"), datasets=both))
    assert made == []
    warmup(bench.context("warmup", settings, parents=bench.parents("source")))
    assert made == ["warmup"]


@pytest.mark.parametrize("method", IMAGES_ALONE)
def test_methods_that_are_for_images_refuse_tracklets(method: str, video: Any, tiny: Any) -> None:
    context = video.context(
        "warmup", tiny(warmup={"method": method}), parents=video.parents("source")
    )
    with pytest.raises(UsageError, match="holds tracklets"):
        warmup(context)
