"""A component as a setting names it: `rotation`, or `{name: multi, erase_probability: 0.3}`.

The schema knows no components. Whether a name is registered, and which parameters it takes, is
asked of the registry when a plan is made (`Components`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Self, get_args

from pydantic import BaseModel, Field, ValidationError, model_serializer, model_validator

from gclbench.errors import suggestion
from gclbench.plain_yaml import Place
from gclbench.schema.model import Model

# (kind, name) -> the model of its parameters, None where it takes none. Raises UnknownNameError.
Components = Callable[[str, str], type[BaseModel] | None]


class Choice(Model):
    """A component's name and the parameters that differ from its own; a kind is a subclass.

    Read from a name or from a mapping with `name`, and written as the shorter of the two: without
    parameters it is the plain name, in YAML, records and keys.
    """

    kind: ClassVar[str]
    # Whether it stays out of the key where it is the default: such a choice came after the runs.
    unsaid: ClassVar[bool] = False

    name: Annotated[str, Field(min_length=1)]
    parameters: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, *names: str) -> tuple[Self, ...]:
        return tuple(cls(name=name) for name in names)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Choice):
            return {"name": value.name, "parameters": value.parameters}
        if not isinstance(value, Mapping):
            raise ValueError("write a name, or a mapping such as {name: NAME, parameter: value}")
        if "name" not in value:
            raise ValueError("this component has no name: write {name: NAME, parameter: value}")
        given = {key: item for key, item in value.items() if key != "name"}
        if set(given) == {"parameters"} and isinstance(given["parameters"], Mapping):
            given = dict(given["parameters"])
        return {"name": value["name"], "parameters": _plain(given)}

    @model_serializer
    def _write(self) -> str | dict[str, Any]:
        return {"name": self.name, **self.parameters} if self.parameters else self.name

    def __hash__(self) -> int:
        return hash((self.name, *sorted(self.parameters)))

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.name}({given})" if given else self.name


class AugmentationChoice(Choice):
    kind = "augmentations"


class LossChoice(Choice):
    kind = "losses"


class WarmupChoice(Choice):
    kind = "warmups"


class NetworkChoice(Choice):
    kind = "networks"
    unsaid = True


class PseudoLabelChoice(Choice):
    kind = "pseudolabels"
    unsaid = True


class SamplerChoice(Choice):
    kind = "samplers"
    unsaid = True


def choice_type(annotation: Any) -> type[Choice] | None:
    """The kind of choice that a setting of this annotation holds, one or several; else None."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, Choice):
            return each
    return None


def parameter_problems(choice: Choice, model: type[BaseModel] | None) -> list[tuple[Place, str]]:
    """Where inside of `choice` something is wrong, and what: names, types and ranges."""
    if model is None:
        return [((name,), f"{choice.name} takes no parameters") for name in choice.parameters]
    found = [
        ((name,), text)
        for name, value in choice.parameters.items()
        if (text := _odd(choice.name, model, name, value))
    ]
    if found:
        return list(found)
    try:
        model.model_validate(choice.parameters)
    except ValidationError as error:
        return [(tuple(item["loc"]), _wrong(choice.name, dict(item))) for item in error.errors()]
    return []


def _odd(component: str, model: type[BaseModel], name: str, value: Any) -> str:
    """What pydantic would let pass, or say in other words than those of wrong settings."""
    if name not in model.model_fields:
        return f"{component} has no parameter '{name}'. {suggestion(name, model.model_fields)}"
    if isinstance(value, bool) and not _takes_switch(model, name):
        return f"{str(value).lower()} is not allowed: this is not a switch"
    return ""


def settled(choice: Choice, model: type[BaseModel] | None) -> Choice:
    """The same choice in the one form that enters keys: typed by the model, no default in it.

    A component at its defaults is thus its plain name. Raises ValidationError.
    """
    if model is None or not choice.parameters:
        return choice
    full = model.model_validate(choice.parameters)
    values = full.model_dump(mode="json")
    differs = {name: value for name, value in values.items() if value != _default(full, name)}
    return type(choice)(name=choice.name, parameters=differs)


def _default(full: BaseModel, name: str) -> Any:
    """What a field holds when nothing is given, in the form in which it is dumped."""
    field = type(full).model_fields[name]
    if field.is_required():
        return ...
    value = field.get_default(call_default_factory=True)
    return full.model_copy(update={name: value}).model_dump(mode="json", include={name})[name]


def _takes_switch(model: type[BaseModel], name: str) -> bool:
    annotation = model.model_fields[name].annotation
    return annotation in (bool, Any) or bool in get_args(annotation)


def _wrong(name: str, item: Mapping[str, Any]) -> str:
    if item["type"] == "missing":
        return f"{name} needs the parameter '{item['loc'][-1]}'"
    message = str(item["msg"]).removeprefix("Value error, ")
    value = item["input"]
    shown = f"{value!r}: " if isinstance(value, str | int | float) else ""
    return f"{shown}{message[:1].lower()}{message[1:]}"


def _plain(value: Any, name: str = "") -> Any:
    """Plain data only, as a key can hold it. Raises ValueError naming the parameter."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}: {value} is not allowed: the number must be finite")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item, name) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(item, f"{name}.{key}" if name else key) for key, item in value.items()}
    raise ValueError(f"{name}: values of type {type(value).__name__} are not allowed")
