"""Components are filed once, by kind and name, with a model of what they can be told."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gclbench.errors import GclbenchError, UnknownNameError, UsageError
from gclbench.registry import Facts, Registry
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


FACTS = Facts(
    "losses",
    "late",
    2,
    __name__,
    "Late: filed when it is asked for.\n\nMore.",
    parameters_from=(__name__, "Weight"),
    settings={"value": "required"},
    traits={"role": "view"},
    reads=("float",),
)


def late(value: float, *, parameters: Weight) -> float:
    return value * parameters.weight


@pytest.fixture
def loads(registry: Registry) -> list[str]:
    """Announce a component; the list tells how often it was loaded."""
    made: list[str] = []

    def load() -> None:
        made.append("loaded")
        registry.register("losses", "late", revision=2, parameters=Weight)(late)

    registry.announce(FACTS, load)
    return made


def test_what_is_announced_is_known_without_being_loaded(
    registry: Registry, loads: list[str]
) -> None:
    entry = registry.lookup("losses", "late")
    assert (entry.name, entry.revision, entry.module) == ("late", 2, __name__)
    assert entry.summary == "Late: filed when it is asked for."
    assert (entry.takes_parameters, entry.imported, entry.reads) == (True, False, ("float",))
    assert (entry.trait("role"), entry.trait("space", "image")) == ("view", "image")
    assert entry.settings == {"value": "required"}
    assert registry.names("losses") == ["late", "object", "plain", "weighted"]
    assert registry.has("losses", "late")
    assert loads == []


def test_an_announced_component_is_loaded_when_it_is_asked_for(
    registry: Registry, loads: list[str]
) -> None:
    entry = registry.lookup("losses", "late")
    assert entry.component is late
    assert entry.bound({"weight": 3})(2.0) == 6
    assert registry.bound(LossChoice(name="late"))(2.0) == 4
    assert registry.lookup("losses", "late").imported
    assert loads == ["loaded"]


def test_an_announcement_that_was_wrong_is_an_error(registry: Registry) -> None:
    registry.announce(FACTS, lambda: None)
    with pytest.raises(GclbenchError, match="registers no losses 'late' any more"):
        assert registry.lookup("losses", "late").component


def test_a_name_is_taken_by_one_module_alone(registry: Registry, loads: list[str]) -> None:
    elsewhere = type("Late", (), {"__module__": "theirs"})
    with pytest.raises(GclbenchError, match=f"is registered by {__name__} and by theirs"):
        registry.register("losses", "late")(elsewhere)
    plain = Facts("losses", "plain", 1, "theirs", "")
    with pytest.raises(GclbenchError, match=r"losses 'plain' is registered by .* and by theirs"):
        registry.announce(plain, lambda: None)
