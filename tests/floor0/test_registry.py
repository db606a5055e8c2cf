"""Components are filed once, by kind and name, with a model of what they can be told."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gclbench.errors import GclbenchError, UnknownNameError, UsageError
from gclbench.registry import Registry
from gclbench.schema import Model
from gclbench.schema.choice import LossChoice


class Weight(Model):
    weight: float = Field(default=2.0, ge=0)


@pytest.fixture
def registry() -> Registry:
    filled = Registry()

    @filled.register("losses", "weighted", revision=3, parameters=Weight)
    def weighted(value: float, *, parameters: Weight) -> float:
        """Weighted: the value times a weight."""
        return value * parameters.weight

    @filled.register("losses", "plain")
    def plain(value: float) -> float:
        """Plain."""
        return value

    @filled.register("losses", "object", parameters=Weight)
    @dataclass(frozen=True)
    class Weighted:
        """Object."""

        factor: float
        parameters: Weight

        def __call__(self, value: float) -> float:
            return self.factor * self.parameters.weight * value

    return filled


def test_a_function_gets_its_parameters_by_name(registry: Registry) -> None:
    assert registry.bound(LossChoice(name="weighted"))(5.0) == 10
    chosen = LossChoice(name="weighted", parameters={"weight": "0.5"})
    assert registry.bound(chosen)(5.0) == 2.5


def test_a_class_gets_them_beside_its_other_arguments(registry: Registry) -> None:
    made = registry.lookup("losses", "object").bound({"weight": 3})(factor=10)
    assert made(1.0) == 30


def test_a_component_without_parameters_is_itself(registry: Registry) -> None:
    entry = registry.lookup("losses", "plain")
    assert entry.parameters is None
    assert registry.bound(LossChoice(name="plain")) is entry.component
    with pytest.raises(UsageError, match="plain takes no parameters, not weight"):
        entry.bound({"weight": 1})


def test_wrong_parameters_never_reach_a_component(registry: Registry) -> None:
    with pytest.raises(ValidationError):
        registry.lookup("losses", "weighted").bound({"weight": -1})
    with pytest.raises(ValidationError):
        registry.lookup("losses", "weighted").bound({"wieght": 1})


def test_the_entry_says_what_was_registered(registry: Registry) -> None:
    entry = registry.lookup("losses", "weighted")
    assert (entry.revision, entry.parameters) == (3, Weight)
    assert entry.summary == "Weighted: the value times a weight."
    with pytest.raises(UnknownNameError, match="Did you mean 'weighted'"):
        registry.lookup("losses", "weigthed")


class Loose(BaseModel):
    model_config = ConfigDict(frozen=True)
    weight: float = 1.0


class Changing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    weight: float = 1.0


class Named(Model):
    name: str = "x"


class Nested(Model):
    parameters: float = 1.0


@pytest.mark.parametrize(
    "model, text",
    [
        (Loose, "may be changed, or hold unknown keys"),
        (Changing, "may be changed, or hold unknown keys"),
        (Named, "losses 'mine' has a parameter 'name'"),
        (Nested, "losses 'mine' has a parameter 'parameters'"),
    ],
)
def test_a_model_that_hides_typing_errors_is_refused(model: type[BaseModel], text: str) -> None:
    with pytest.raises(GclbenchError, match=text):
        Registry().register("losses", "mine", parameters=model)
