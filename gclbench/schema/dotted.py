"""Settings by dotted keys (`joint.lr`) and nested (`joint: {lr: ...}`), one from the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gclbench.plain_yaml import Place
from gclbench.schema.choice import Choice
from gclbench.schema.settings import Settings


@cache
def setting_types() -> dict[str, Any]:
    """Return every setting's dotted key with its annotation, in the order of the schema."""
    return {key: field.annotation for key, field in setting_fields().items()}


@cache
def setting_fields() -> dict[str, FieldInfo]:
    """Return every setting's dotted key with its field, in the order of the schema."""
    return dict(_fields(Settings, ""))


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel) and not issubclass(kind, Choice):
            yield from _fields(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn nested or dotted mappings into one level of dotted keys; order is kept.

    What a setting holds is not opened: `warmup.method: {name: mine, momentum: 0.3}` is one value.
    """
    return {key: value for key, value, _ in leaves(values)}


def leaves(
    values: Mapping[str, Any], at: Place = (), prefix: str = ""
) -> Iterator[tuple[str, Any, Place]]:
    """Every dotted key with its value and its place: the keys that lead to it, after `at`."""
    for key, value in values.items():
        if isinstance(value, Mapping) and prefix + key not in setting_types():
            yield from leaves(value, (*at, key), f"{prefix}{key}.")
        else:
            yield prefix + key, value, (*at, key)


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`: dotted keys become nested dictionaries."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, name = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return nested
