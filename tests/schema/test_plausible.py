"""What no ranking can give is named, and everything that one can give is let through."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from gclbench.errors import GclbenchError, ImpossibleResultError
from gclbench.schema.plausible import impossible, refuse_impossible

INF, NAN = float("inf"), float("nan")
SOUND = {"mAP": 40.0, "R1": 60.0, "R5": 60.0, "R10": 90.0, "mINP": 5.0}
COUNTS = {"valid_queries": 300.0, "skipped_queries": 0.0, "clusters": 0.0, "nmi": 0.0}


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        SOUND | COUNTS,
        {**SOUND, "visual_mAP": 41.0, "visual_R1": 1.0, "visual_R5": 2.0, "visual_R10": 3.0},
        dict.fromkeys(SOUND, 0.0),
        dict.fromkeys(SOUND, 100.0) | {"nmi": 1.0},
        {"mAP": 100.0 + 5e-10, "R1": -5e-10, "nmi": 1.0 + 5e-10, "clusters": 3.0 + 5e-10},
        {"R1": 50.0 + 5e-10, "R5": 50.0},
        {"R1": 50.0, "R10": 50.0},
        {"mAP": 90.0, "R1": 10.0},  # every first match second: AP may lie above R1
        {"mINP": 60.0, "mAP": 50.0},
        {"loss": -3.5, "silhouette": -1.0, "tensors_loaded": 161.0, "loss_d": 1e9, "eps": 0.6},
        {"step": 4.0, "step_clusters": 7.0, "step_nmi": 0.5, "step_mAP": 3.0, "step_R1": 2.0},
    ],
)
def test_what_can_be_is_let_through(metrics: Mapping[str, float]) -> None:
    assert impossible(metrics) == ""
    refuse_impossible(metrics)


@pytest.mark.parametrize(
    "metrics,line",
    [
        ({"mAP": 112.3}, "mAP is 112.3, it must lie in 0 ... 100"),
        ({"mINP": -0.5}, "mINP is -0.5, it must lie in 0 ... 100"),
        ({"mAP": 100.000001}, "mAP is 100.000001, it must lie in 0 ... 100"),
        ({"visual_R5": 101.0}, "visual_R5 is 101.0, it must lie in 0 ... 100"),
        ({"step_mAP": 108.0}, "step_mAP is 108.0, it must lie in 0 ... 100"),
        ({"mAP": 40.0, "R1": 84.0, "R5": 82.0}, "R1 84.0 is above R5 82.0"),
        ({"R1": 84.0, "R10": 82.0}, "R1 84.0 is above R10 82.0"),
        ({"visual_R5": 3.0, "visual_R10": 2.0}, "visual_R5 3.0 is above visual_R10 2.0"),
        ({"mAP": NAN}, "mAP is nan, it must be finite"),
        ({"loss": INF}, "loss is inf, it must be finite"),
        ({"nmi": NAN}, "nmi is nan, it must be finite"),
        ({"nmi": 1.01}, "nmi is 1.01, it must lie in 0 ... 1"),
        ({"step_nmi": -0.1}, "step_nmi is -0.1, it must lie in 0 ... 1"),
        ({"clusters": 12.5}, "clusters is 12.5, it must be a whole number from 0"),
        ({"valid_queries": -1.0}, "valid_queries is -1.0, it must be a whole number from 0"),
    ],
)
def test_what_cannot_be_is_one_line(metrics: Mapping[str, float], line: str) -> None:
    assert impossible(metrics) == line
    assert "\n" not in line


def test_the_mean_of_the_aps_that_are_there_is_the_map() -> None:
    ap = np.array([0.25, NAN, 0.5])
    assert impossible({"mAP": 37.5}, ap) == ""
    assert impossible({"mAP": 37.5 + 5e-7}, ap) == ""
    assert impossible({"R1": 50.0}, ap) == ""  # no mAP to compare
    found = impossible({"mAP": 37.500002}, ap)
    assert found == "mAP is 37.500002, but the mean AP of the queries is 37.5"


@pytest.mark.parametrize("value", [1.12, -0.1, INF, -INF])
def test_an_ap_outside_0_to_1_is_named(value: float) -> None:
    found = impossible({}, [0.5, NAN, value])
    assert found == f"the AP of a query is {value}, it must lie in 0 ... 1"


def test_rounding_of_an_ap_is_forgiven() -> None:
    assert impossible({"mAP": 50.0}, [1.0 + 5e-10, -5e-10]) == ""


@pytest.mark.parametrize("ap", [[], [NAN, NAN]])
def test_an_map_without_a_query_that_has_an_ap_cannot_be(ap: list[float]) -> None:
    assert impossible({"mAP": 40.0}, ap) == "mAP is 40.0, but no query has an AP"
    assert impossible({}, ap) == ""


def test_the_visual_twin_has_aps_of_its_own() -> None:
    metrics = {"mAP": 50.0, "visual_mAP": 40.0}
    assert impossible(metrics, [0.5], [0.4]) == ""
    found = impossible(metrics, [0.5], [1.5])
    assert found == "the visual_AP of a query is 1.5, it must lie in 0 ... 1"
    found = impossible(metrics, [0.5], [0.5])
    assert found == "visual_mAP is 40.0, but the mean AP of the queries is 50.0"


def test_the_refusal_is_one_line_that_says_what_to_do() -> None:
    with pytest.raises(ImpossibleResultError) as caught:
        refuse_impossible({"mAP": 112.3})
    error = caught.value
    assert isinstance(error, GclbenchError)
    assert error.message == ("a result that cannot be: mAP is 112.3, it must lie in 0 ... 100.")
    assert "run the same command again" in error.remedy
    assert "gclbench doctor" in error.remedy
    assert "\n" not in str(error)
