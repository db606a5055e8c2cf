"""Dotted settings: what may be written in a `set` block or as `key=value`, and how layers merge.

A setting is named by its dotted path (`joint.pseudo_labels.eps`). Later layers win:
defaults < profile < recipe < study < task < row < overrides.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gclbench.errors import OverrideError, suggestion
from gclbench.schema.dotted import flatten, nest
from gclbench.schema.settings import Settings
from gclbench.schema.study import Profile, Recipe, Row, Study, Task

__all__ = [
    "RUN_WORDS",
    "check_overrides",
    "flatten",
    "nest",
    "parse_overrides",
    "problems",
    "resolve_settings",
    "setting_types",
    "unknown_key",
]

RUN_WORDS = ("rows", "seeds", "tasks")


@cache
def setting_types() -> dict[str, Any]:
    """Return every setting's dotted key with its annotation, in the order of the schema."""
    return dict(_leaves(Settings, ""))


def _leaves(model: type[BaseModel], prefix: str) -> Iterable[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _leaves(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field.annotation


def unknown_key(key: str) -> str | None:
    """Return why `key` names no setting, with the nearest one; None when it names one."""
    known = setting_types()
    if key in known:
        return None
    inside = [name for name in known if name.startswith(key + ".")]
    if inside:
        return f"'{key}' is a section, not a setting. Allowed: {', '.join(inside)}."
    return f"unknown setting '{key}'. {_nearest_setting(key, list(known))}".strip()


def _nearest_setting(key: str, known: Sequence[str]) -> str:
    name = key.rsplit(".", 1)[-1]
    same_section = [other for other in known if other.split(".")[0] == key.split(".")[0]]
    for pool in (same_section, known):
        same_name = [other for other in pool if other.rsplit(".", 1)[-1] == name]
        if same_name:
            return f"Did you mean '{difflib.get_close_matches(key, same_name, 1, 0.0)[0]}'?"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    if near:
        return f"Did you mean '{near[0]}'?"
    return suggestion(key, {other.split(".")[0] for other in known})


def problems(flat: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (key, what is wrong) for every unknown key and every wrong type or value."""
    found = [(key, text) for key in flat if (text := unknown_key(key)) is not None]
    if found:
        return found
    found = [(key, text) for key, value in flat.items() if (text := _odd_number(key, value))]
    if found:
        return found
    try:
        Settings.model_validate(nest(flat))
    except ValidationError as error:
        return [_locate(dict(item), flat) for item in error.errors()]
    return []


def _odd_number(key: str, value: Any) -> str:
    for item in value if isinstance(value, list | tuple) else (value,):
        if isinstance(item, float) and not math.isfinite(item):
            return f"{item} is not allowed: the number must be finite"
        if isinstance(item, bool) and setting_types()[key] is not bool:
            return f"{str(item).lower()} is not allowed here: this setting is not a switch"
    return ""


def _locate(item: Mapping[str, Any], flat: Mapping[str, Any]) -> tuple[str, str]:
    location = ".".join(str(part) for part in item["loc"] if not isinstance(part, int))
    keys = [key for key in flat if location == key or location.startswith(key + ".")]
    # An error of a whole section is reported at the first key that was set in it.
    keys += [key for key in flat if key.startswith(location + ".")]
    message = str(item["msg"]).removeprefix("Value error, ")
    value = item["input"]
    shown = f"{value!r}: " if isinstance(value, str | int | float) else ""
    return (keys[0] if keys else location), f"{shown}{message[:1].lower()}{message[1:]}"


def parse_overrides(words: Iterable[str]) -> dict[str, Any]:
    """Parse `key=value` words into {dotted key: value}, typed by the Settings schema.

    Lists are written `a,b` or `[a,b]`; None is `none`. The run-level words `seeds` (integers),
    `rows` and `tasks` (names) are parsed too and stay beside the settings, for the caller to take
    out. Raises OverrideError for a word without '=', an unknown key, a key given twice, a wrong
    type or a value out of range.
    """
    parsed: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        key = key.strip()
        if not equals or not key:
            raise OverrideError(f"'{word}' is not of the form key=value.")
        if key in parsed:
            raise OverrideError(f"'{key}' is given twice.")
        parsed[key] = _parse_value(key, text.strip())
    check_overrides({key: value for key, value in parsed.items() if key not in RUN_WORDS})
    return parsed


def check_overrides(flat: Mapping[str, Any]) -> None:
    """Raise OverrideError for the first key that is unknown or has a value that is not allowed."""
    for key, text in problems(flat):
        raise OverrideError(f"{key}: {text}" if key in setting_types() else text)


def _parse_value(key: str, text: str) -> Any:
    if key == "seeds":
        seeds = [_number(item) for item in _items(text)]
        if not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
            raise OverrideError(f"seeds={text}: seeds are whole numbers from 0, such as 0,1,2.")
        return seeds
    if key in RUN_WORDS:
        return _items(text)
    annotation = setting_types().get(key)
    if get_origin(annotation) is tuple:
        items = _items(text)
        return items if get_args(annotation)[0] is str else [_number(item) for item in items]
    if type(None) in get_args(annotation) and text.lower() in ("", "none", "null"):
        return None
    return text if _takes_text(annotation) else _number(text)


def _takes_text(annotation: Any) -> bool:
    choices = get_args(annotation)
    return annotation is str or any(item is str or isinstance(item, str) for item in choices)


def _items(text: str) -> list[str]:
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    return [item.strip().strip("'\"") for item in inner.split(",") if item.strip()]


def _number(text: str) -> bool | int | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def resolve_settings(
    profile: Profile | None,
    recipe: Recipe | None,
    study: Study | None,
    row: Row | None,
    overrides: Mapping[str, Any] | None = None,
    task: Task | None = None,
) -> Settings:
    """Merge the layers (later wins) into Settings.

    Raises OverrideError when an override names a key that the study's rows vary, or when the
    merged values are not allowed.
    """
    chosen = flatten(overrides or {})
    check_overrides(chosen)
    if study is not None:
        _refuse_varied(chosen, study)
    merged: dict[str, Any] = {}
    for layer in (profile, recipe, study, task, row):
        merged.update(flatten(layer.set) if layer is not None else {})
    merged.update(chosen)
    check_overrides(merged)
    return Settings.model_validate(nest(merged))


def _refuse_varied(chosen: Mapping[str, Any], study: Study) -> None:
    varied = {key for row in study.rows for key in flatten(row.set)}
    clash = sorted(varied.intersection(chosen))
    if clash:
        raise OverrideError(
            f"'{clash[0]}' is what the rows of '{study.study}' vary, so it cannot be overridden.",
            f"Choose rows instead, for example rows={study.rows[0].key}.",
        )
