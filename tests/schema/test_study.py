"""Studies by themselves: axes, grids, search spaces, and how rows come together."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from gclbench.schema import Axis, Dimension, Row, Search, Study, Sweep, Task

TASK = Task(name="market1501", setting="usl", label="M", target="market1501")
ZIPPED: dict[str, Any] = {
    "name": "memory",
    "settings": ("joint.memory_momentum", "joint.temperature"),
    "values": ([0.4, 0.06], [0.6, 0.08]),
    "key": "m_{0[0]:.1f}_{0[1]:.2f}",
    "label": "beta {0[0]:g}, tau {0[1]:g}",
}


def axis(name: str = "eps", setting: str = "joint.pseudo_labels.eps", **changed: Any) -> Axis:
    values = {"values": (0.4, 0.5), "key": name + "_{:.2f}", "label": name + " {:g}", **changed}
    return Axis(name=name, settings=(setting,), **values)


def study(**changed: Any) -> Study:
    values = {"study": "s", "title": "S", "recipe": "r", "report": "s", "tasks": (TASK,)}
    return Study.model_validate({**values, **changed})


def test_an_axis_assigns_its_value_to_its_setting() -> None:
    assert axis().assignments(0.4) == {"joint.pseudo_labels.eps": 0.4}
    both = (["l_vi"], ["l_proto", "l_vi"])
    losses = axis("losses", "joint.losses", values=both, key="{0[0]}", label="{0}")
    assert losses.assignments(both[1]) == {"joint.losses": ["l_proto", "l_vi"]}


def test_a_zipped_axis_moves_its_settings_together() -> None:
    assert Axis(**ZIPPED).assignments([0.6, 0.08]) == {
        "joint.memory_momentum": 0.6,
        "joint.temperature": 0.08,
    }


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"values": ([0.4, 0.06], [0.6])}, r"\[0\.6\] does not set 2 settings"),
        ({"values": ([0.4, 0.06, 1.0],)}, r"does not set 2 settings"),
        ({"values": (0.4, 0.6)}, r"0\.4 does not set 2 settings"),
        ({"values": ("ab",)}, r"ab does not set 2 settings"),
        ({"values": ()}, r"at least 1 item"),
        ({"settings": ()}, r"at least 1 item"),
        ({"settings": ("joint.lr", "joint.lr")}, r"memory moves one setting twice"),
        ({"key": "m"}, r"two values of memory have the same key"),
        ({"key": "m_{0[2]}"}, r"cannot be written as 'm_\{0\[2\]\}'"),
        ({"key": "m_{1}"}, r"cannot be written as 'm_\{1\}'"),
        ({"key": "m_{value}"}, r"cannot be written as 'm_\{value\}'"),
        ({"key": "m_{:.2f}"}, r"cannot be written as 'm_\{:\.2f\}'"),
        ({"key": "m_{0.first}"}, r"cannot be written as 'm_\{0\.first\}'"),
        ({"key": "m_{"}, r"cannot be written as 'm_\{'"),
        ({"label": "{:g}"}, r"cannot be written as '\{:g\}'"),
    ],
)
def test_an_axis_that_cannot_work_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Axis(**{**ZIPPED, **changed})


def test_a_grid_varies_its_last_axis_fastest_and_names_each_row_by_all_axes() -> None:
    rows = list(Sweep(axes=(axis(), Axis(**ZIPPED)), set={"joint.epochs": 3}).rows())
    assert [row.key for row in rows] == [
        "eps_0.40-m_0.4_0.06",
        "eps_0.40-m_0.6_0.08",
        "eps_0.50-m_0.4_0.06",
        "eps_0.50-m_0.6_0.08",
    ]
    second = rows[1]
    assert second.label == "eps 0.4, beta 0.6, tau 0.08"
    assert second.set == {
        "joint.epochs": 3,
        "joint.pseudo_labels.eps": 0.4,
        "joint.memory_momentum": 0.6,
        "joint.temperature": 0.08,
    }
    assert second.at == {"eps": 0.4, "memory": [0.6, 0.08]}


@pytest.mark.parametrize(
    "values, message",
    [
        ({"axes": ()}, "at least 1 item"),
        ({"axes": (axis(), axis("other"))}, r"setting joint\.pseudo_labels\.eps stands twice"),
        ({"axes": (axis(), axis("eps", "joint.lr"))}, "axis eps stands twice"),
        (
            {"axes": (axis(),), "set": {"joint": {"pseudo_labels": {"eps": 0.3}}}},
            r"setting joint\.pseudo_labels\.eps stands twice",
        ),
    ],
)
def test_a_grid_that_would_set_something_twice_is_refused(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Sweep(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"choices": (1, 2)},
        {"low": 0.1, "high": 0.2},
        {"low": 0.1, "high": 0.2, "log": True},
        {"low": 1, "high": 3, "step": 1, "whole": True},
    ],
)
def test_a_dimension_is_a_list_or_a_range(values: dict[str, Any]) -> None:
    known = Dimension(**values).model_dump()
    assert {name: known[name] for name in values} == values


@pytest.mark.parametrize(
    "values, message",
    [
        ({}, "either choices, or low and high"),
        ({"low": 0.1}, "either choices, or low and high"),
        ({"high": 0.1}, "either choices, or low and high"),
        ({"choices": (1,), "low": 0.1, "high": 0.2}, "either choices, or low and high"),
        ({"choices": (1,), "low": 0.1}, "either choices, or low and high"),
        ({"low": 0.2, "high": 0.2}, "low must be below high"),
        ({"low": 0.0, "high": 0.2, "log": True}, "begins above 0"),
        ({"low": 0.1, "high": 0.2, "log": True, "step": 0.1}, "a log range has no step"),
        ({"low": 0.1, "high": 0.2, "step": 0}, "greater than 0"),
    ],
)
def test_a_dimension_that_is_neither_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Dimension(**values)


RANGE = {"joint.temperature": {"low": 0.01, "high": 0.2}}


@pytest.mark.parametrize(
    "values, message",
    [
        ({"space": {}}, "at least 1 item"),
        ({"objectives": ["seconds"]}, "objectives are mAP, or mAP and seconds"),
        ({"objectives": ["mAP", "mAP"]}, "objectives are mAP, or mAP and seconds"),
        ({"objectives": ["mAP", "seconds"]}, "need the sampler nsga2"),
        (
            {"objectives": ["mAP", "seconds"], "sampler": "nsga2", "pruner": "median"},
            "allow no pruner",
        ),
        ({"sampler": "grid"}, r"joint\.temperature needs choices or a step"),
        ({"validation_share": 1.0}, "less than 1"),
        ({"trials": 0}, "greater than or equal to 1"),
    ],
)
def test_a_search_whose_parts_do_not_go_together_is_refused(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Search.model_validate({"space": RANGE, **values})


def test_a_grid_search_takes_choices_or_steps() -> None:
    space = {"joint.lr": {"choices": [0.1, 0.2]}, "joint.epochs": {"low": 1, "high": 3, "step": 1}}
    assert Search.model_validate({"space": space, "sampler": "grid"}).sampler == "grid"


def test_the_rows_of_a_study_are_the_listed_ones_and_then_the_swept_ones() -> None:
    made = study(
        rows=(Row(key="base", label="Base"),),
        sweeps=(Sweep(axes=(axis(),)), Sweep(axes=(axis("rate", "joint.lr"),))),
    )
    keys = ["base", "eps_0.40", "eps_0.50", "rate_0.40", "rate_0.50"]
    assert [row.key for row in made.rows] == keys
    assert [row.at for row in made.rows[:2]] == [{}, {"eps": 0.4}]


@pytest.mark.parametrize(
    "changed, message",
    [
        ({}, "a study has rows"),
        ({"tasks": (), "rows": ({"key": "a", "label": "A"},)}, "a study has tasks"),
        (
            {"rows": ({"key": "eps_0.40", "label": "A"},), "sweeps": (Sweep(axes=(axis(),)),)},
            r"two rows have the same name, 'eps_0\.40'",
        ),
        ({"sweeps": (Sweep(axes=(axis(),)),) * 2}, "two rows have the same name"),
        (
            {"rows": ({"key": "a", "label": "A"},), "tasks": (TASK, TASK)},
            "two tasks have the same name, 'market1501'",
        ),
        ({"rows": ({"key": "a", "label": "A"},), "report": None}, "names its report"),
        (
            {"sweeps": (Sweep(axes=(axis(),)),), "search": {"space": RANGE}},
            "one row, one task and one seed",
        ),
    ],
)
def test_a_study_that_cannot_be_filled_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        study(**changed)


def test_a_study_is_read_back_from_its_own_data() -> None:
    made = study(sweeps=(Sweep(axes=(Axis(**ZIPPED),)),))
    again = Study.model_validate(made.model_dump(mode="json"))
    assert re.findall(r"m_\S+", " ".join(row.key for row in again.rows)) == [
        "m_0.4_0.06",
        "m_0.6_0.08",
    ]
