"""What is proposed: distributions, the order of a grid, draws that no worker can change."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from gclbench.schema import Search
from gclbench.search.space import directions, distributions, grid_points, pruner, sampler


def search(space: dict[str, Any], **fields: Any) -> Search:
    return Search.model_validate({"space": space, **fields})


def test_each_kind_of_dimension_has_its_distribution() -> None:
    made = distributions(
        search(
            {
                "joint.temperature": {"low": 0.01, "high": 0.2, "log": True},
                "joint.lambda_vi": {"low": 0.0, "high": 1.0, "step": 0.25},
                "joint.batch_size": {"low": 8, "high": 32, "step": 8, "whole": True},
                "joint.l_mix_form": {"choices": ["paper", "code"]},
            }
        )
    )
    assert made == {
        "joint.temperature": FloatDistribution(0.01, 0.2, log=True),
        "joint.lambda_vi": FloatDistribution(0.0, 1.0, step=0.25),
        "joint.batch_size": IntDistribution(8, 32, step=8),
        "joint.l_mix_form": CategoricalDistribution(["paper", "code"]),
    }


def test_a_grid_is_every_combination_in_the_order_of_the_file() -> None:
    space = {
        "joint.l_mix_form": {"choices": ["paper", "code"]},
        "joint.pseudo_labels.eps": {"low": 0.3, "high": 0.5, "step": 0.1},
    }
    points = [tuple(point.values()) for point in grid_points(search(space, sampler="grid"))]
    assert points == [(form, eps) for form in ("paper", "code") for eps in (0.3, 0.4, 0.5)]


def test_whole_numbers_of_a_grid_stay_whole() -> None:
    space = {"joint.batch_size": {"low": 8, "high": 30, "step": 8, "whole": True}}
    values = [p["joint.batch_size"] for p in grid_points(search(space, sampler="grid"))]
    assert values == [8, 16, 24]
    assert all(type(value) is int for value in values)


@pytest.mark.filterwarnings("error")
def test_steps_that_miss_high_end_below_it_without_a_warning() -> None:
    made = distributions(
        search(
            {
                "joint.lambda_vi": {"low": 0, "high": 1, "step": 0.3},
                "joint.batch_size": {"low": 8, "high": 30, "step": 8, "whole": True},
            }
        )
    )
    assert made == {
        "joint.lambda_vi": FloatDistribution(0.0, 0.9, step=0.3),
        "joint.batch_size": IntDistribution(8, 24, step=8),
    }


@pytest.mark.parametrize("kind", ["tpe", "random", "nsga2"])
def test_a_draw_depends_on_seed_and_number_alone(kind: Any) -> None:
    space = search({"joint.temperature": {"low": 0.01, "high": 0.2}}, sampler=kind)

    def draw(seed: int, number: int) -> float:
        study = optuna.create_study(sampler=sampler(space, seed, number))
        value = study.ask(distributions(space)).params["joint.temperature"]
        assert isinstance(value, float)
        return value

    assert draw(0, 3) == draw(0, 3)
    assert len({draw(0, 3), draw(0, 4), draw(1, 3)}) == 3


def test_training_time_is_minimised() -> None:
    space = {"joint.temperature": {"low": 0.01, "high": 0.2}}
    both = search(space, sampler="nsga2", objectives=["mAP", "seconds"])
    assert directions(both) == ["maximize", "minimize"]


def test_the_pruner_waits_as_long_as_the_study_says() -> None:
    space = {"joint.temperature": {"low": 0.01, "high": 0.2}}
    none, median = (
        pruner(search(space, pruner=kind, startup_trials=3, warmup_epochs=4))
        for kind in ("none", "median")
    )
    assert isinstance(none, optuna.pruners.NopPruner)
    assert isinstance(median, optuna.pruners.MedianPruner)
    assert (median._n_startup_trials, median._n_warmup_steps) == (3, 4)
