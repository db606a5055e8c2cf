"""Results from hand-made trials: best, Pareto front, importance, sensitivity, counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from gclbench.content import Content
from gclbench.schema import Search
from gclbench.search.results import Results, build_results, ended
from gclbench.search.space import distributions

EPS, TEMPERATURE = "joint.pseudo_labels.eps", "joint.temperature"
Make = Callable[..., FrozenTrial]


def search(space: dict[str, Any], **fields: Any) -> Search:
    return Search.model_validate({"space": space, **fields})


ONE = search({EPS: {"low": 0.3, "high": 0.7}})
TWO = {EPS: {"low": 0.3, "high": 0.7}, TEMPERATURE: {"low": 0.01, "high": 0.2, "log": True}}


def trial(
    number: int,
    params: dict[str, Any],
    values: list[float] | None = None,
    asked: Search = ONE,
    state: str = "COMPLETE",
    epochs: dict[int, float] | None = None,
    **notes: Any,
) -> FrozenTrial:
    made = create_trial(
        state=TrialState[state],
        values=values,
        params=params,
        distributions=distributions(asked),
        user_attrs=notes,
        intermediate_values=epochs or {},
    )
    made.number = number
    return made


def results(trials: list[FrozenTrial], asked: Search = ONE) -> Results:
    study = Content().study("dbscan_eps").model_copy(update={"search": asked})
    return build_results(study, "a-search", "Data: none.", trials)


def test_the_sensitivity_table_has_one_line_per_value_in_order() -> None:
    found = results(
        [
            trial(0, {EPS: 0.6}, [50.0], clusters=9.0, test_mAP=48.0, test_R1=70.0),
            trial(1, {EPS: 0.4}, [45.0], test_mAP=44.0, test_R1=66.0),
            trial(2, {EPS: 0.6}, [50.0], clusters=9.0, test_mAP=48.0, test_R1=70.0),
            trial(3, {EPS: 0.5}, state="PRUNED", epochs={1: 3.0}),
            trial(4, {EPS: 0.55}, state="FAIL", error="no"),
        ]
    ).sensitivity
    assert [dataclasses.astuple(line) for line in found] == [
        (0.4, None, 45.0, 44.0, 66.0),
        (0.6, 9.0, 50.0, 48.0, 70.0),
    ]


def test_two_parameters_have_no_sensitivity_table() -> None:
    both = search(TWO)
    row = trial(0, {EPS: 0.5, TEMPERATURE: 0.05}, [50.0], both)
    assert results([row], both).sensitivity == ()


def test_the_best_is_the_first_of_the_highest() -> None:
    found = results([trial(i, {EPS: 0.4 + i / 10}, [v]) for i, v in enumerate((3.0, 9.0, 9.0))])
    assert [row.number for row in found.best] == [1]
    assert results([]).best == ()


def test_the_best_of_two_objectives_are_those_that_nothing_beats() -> None:
    both = search(TWO, sampler="nsga2", objectives=["mAP", "seconds"])
    points = [(50.0, 30.0), (60.0, 40.0), (55.0, 45.0), (60.0, 41.0), (40.0, 10.0)]
    trials = [
        trial(i, {EPS: 0.5, TEMPERATURE: 0.05}, [*point], both) for i, point in enumerate(points)
    ]
    found = results(trials, both)
    assert [row.number for row in found.best] == [1, 0, 4]
    assert found.best[0].values == {"mAP": 60.0, "seconds": 40.0}


def test_counts_leave_out_trials_that_are_tried_again() -> None:
    trials = [
        trial(0, {EPS: 0.4}, state="FAIL"),
        trial(1, {EPS: 0.4}, [5.0], retry_of=0),
        trial(2, {EPS: 0.5}, state="PRUNED", epochs={1: 3.0, 2: 2.0}),
        trial(3, {EPS: 0.6}, state="FAIL", error="no", error_kind="TrainingError"),
        trial(4, {EPS: 0.7}, state="RUNNING"),
        trial(5, {EPS: 0.3}, state="WAITING"),
    ]
    found = results(trials)
    once = dict.fromkeys(("complete", "pruned", "failed", "running"), 1)
    assert found.counts == {**once, "damaged": 0}
    assert [row.number for row in found.trials] == [1, 2, 3, 4]
    assert found.trials[0].retry_of == 0
    assert found.trials[1].reported == {1: 3.0, 2: 2.0}
    assert ended(trials, since=0) == (2, ["TrainingError"])
    assert ended(trials, since=4) == (2, [])


def test_importance_tells_the_parameter_that_matters() -> None:
    both = search(TWO)
    trials = [
        trial(
            i,
            {EPS: 0.3 + 0.02 * i, TEMPERATURE: 0.01 + 0.01 * (i * 7 % 19)},
            [60 - 400 * (0.02 * i - 0.2) ** 2],
            both,
        )
        for i in range(20)
    ]
    found = results(trials, both).importance
    assert found.text == "Parameter importance (fANOVA, 20 complete trials)"
    assert found.shares[EPS] > 0.7
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert found == results(trials, both).importance


@pytest.mark.parametrize(
    "scores,asked,reason",
    [
        ([1.0, 2.0, 3.0], ONE, "one parameter"),
        ([1.0], search(TWO), "fewer than 2 trials"),
        ([], search(TWO), "fewer than 2 trials"),
        ([2.0, 2.0, 2.0], search(TWO), "same mAP"),
    ],
)
def test_no_importance_says_why(scores: list[float], asked: Search, reason: str) -> None:
    values = {EPS: 0.4, TEMPERATURE: 0.05}
    trials = [
        trial(i, {name: values[name] for name in asked.space}, [score], asked)
        for i, score in enumerate(scores)
    ]
    found = results(trials, asked).importance
    assert found.shares == {}
    assert reason in found.text


@pytest.mark.parametrize(
    "spoilt",
    [
        trial(0, {EPS: 0.4}, [112.3], retry_of=7),
        trial(0, {EPS: 0.4}, [50.0], test_mAP=108.0),
        trial(0, {EPS: 0.4}, [50.0], test_mAP=40.0, test_R1=101.0),
        trial(0, {EPS: 0.4}, [50.0], clusters=7.5),
        trial(0, {EPS: 0.4}, state="PRUNED", epochs={1: 116.0}),
    ],
)
def test_a_trial_whose_scores_cannot_be_takes_no_part(spoilt: FrozenTrial) -> None:
    sound = trial(1, {EPS: 0.6}, [45.0], test_mAP=44.0)
    found = results([spoilt, sound])
    row = found.trials[0]
    assert (row.state, row.complete, row.params) == ("DAMAGED", False, {EPS: 0.4})
    assert (row.values, row.reported) == ({}, {})
    assert (row.test_mAP, row.test_R1, row.clusters) == (None, None, None)
    assert row.retry_of == spoilt.user_attrs.get("retry_of")
    assert [each.number for each in found.best] == [1]
    assert [each.value for each in found.sensitivity] == [0.6]
    assert (found.counts["damaged"], found.counts["complete"]) == (1, 1)


def test_importance_does_not_look_at_damaged_trials() -> None:
    both = search(TWO)
    trials = [
        trial(i, {EPS: 0.3 + 0.1 * i, TEMPERATURE: 0.02 + 0.01 * i}, [value], both)
        for i, value in enumerate((40.0, 45.0, 112.3))
    ]
    assert results(trials, both).importance == results(trials[:2], both).importance
    assert results(trials[1:], both).importance.text.endswith("fewer than 2 trials are complete.")
