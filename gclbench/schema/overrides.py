"""Dotted settings: what may be written in a `set` block or as `key=value`, and how layers merge.

A setting is named by its dotted path (`joint.pseudo_labels.eps`). Later layers win:
defaults < profile < recipe < study < task < row < overrides.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gclbench.errors import OverrideError, UnknownNameError, suggestion
from gclbench.plain_yaml import Place, dotted
from gclbench.schema.choice import (
    Choice,
    Components,
    choice_type,
    parameter_problems,
    settled,
)
from gclbench.schema.choice_words import read_choice, read_choices, write_choice
from gclbench.schema.dotted import flatten, nest, setting_types
from gclbench.schema.layers import layers, merged
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
    "write_overrides",
]

RUN_WORDS = ("rows", "seeds", "tasks")


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


class Problem(NamedTuple):
    """What is wrong with the value of `key`, and where inside of it: an item, a parameter."""

    key: str
    text: str
    inside: Place = ()

    def __str__(self) -> str:
        if self.key not in setting_types():
            return self.text
        return f"{dotted((self.key, *self.inside))}: {self.text}"


def problems(flat: Mapping[str, Any], components: Components | None = None) -> list[Problem]:
    """Return every unknown key, and every wrong type or value.

    With `components` also what is wrong with the parameters of components; names that nobody
    registered are left to the plan.
    """
    found = [Problem(key, text) for key in flat if (text := unknown_key(key)) is not None]
    if found:
        return found
    found = [Problem(key, text) for key, value in flat.items() if (text := _odd(key, value))]
    if found:
        return found
    try:
        Settings.model_validate(nest(flat))
    except ValidationError as error:
        return [_locate(dict(item), flat) for item in error.errors()]
    if components is None:
        return []
    return [
        Problem(key, text, (*place, *inside))
        for key in flat
        for place, choice, model in _chosen(key, flat[key], components)
        for inside, text in parameter_problems(choice, model)
    ]


def _chosen(
    key: str, value: Any, components: Components
) -> Iterator[tuple[Place, Choice, type[BaseModel] | None]]:
    """Every registered component that a setting names: its place in it, and its model."""
    kind = choice_type(setting_types()[key])
    if kind is None or value is None:
        return
    many = isinstance(value, list | tuple)
    for index, item in enumerate(value if many else [value]):
        choice = kind.model_validate(item)
        try:
            model = components(kind.kind, choice.name)
        except UnknownNameError:
            continue
        yield ((index,) if many else ()), choice, model


def _odd(key: str, value: Any) -> str:
    for item in value if isinstance(value, list | tuple) else (value,):
        if isinstance(item, float) and not math.isfinite(item):
            return f"{item} is not allowed: the number must be finite"
        if isinstance(item, bool) and setting_types()[key] is not bool:
            return f"{str(item).lower()} is not allowed here: this setting is not a switch"
    return ""


def _locate(item: Mapping[str, Any], flat: Mapping[str, Any]) -> Problem:
    location = ".".join(str(part) for part in item["loc"] if not isinstance(part, int))
    keys = [key for key in flat if location == key or location.startswith(key + ".")]
    # An error of a whole section is reported at the first key that was set in it.
    keys += [key for key in flat if key.startswith(location + ".")]
    message = str(item["msg"]).removeprefix("Value error, ")
    value = item["input"]
    shown = f"{value!r}: " if isinstance(value, str | int | float) else ""
    inside = tuple(part for part in item["loc"] if isinstance(part, int))[:1]
    text = f"{shown}{message[:1].lower()}{message[1:]}"
    return Problem(keys[0] if keys else location, text, inside)


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


def write_overrides(flat: Mapping[str, Any]) -> list[str]:
    """Write settings as the words of a command line that `parse_overrides` reads, sorted."""
    return [f"{key}={write_choice(value)}" for key, value in sorted(flat.items())]


def check_overrides(flat: Mapping[str, Any], components: Components | None = None) -> None:
    """Raise OverrideError for the first key that is unknown or has a value that is not allowed."""
    for problem in problems(flat, components):
        raise OverrideError(str(problem))


def _parse_value(key: str, text: str) -> Any:
    if key == "seeds":
        seeds = [_number(item) for item in _items(text)]
        if not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
            raise OverrideError(f"seeds={text}: seeds are whole numbers from 0, such as 0,1,2.")
        return seeds
    if key in RUN_WORDS:
        return _items(text)
    annotation = setting_types().get(key)
    if type(None) in get_args(annotation) and text.lower() in ("", "none", "null"):
        return None
    if choice_type(annotation) is not None:
        many = get_origin(annotation) is tuple
        return read_choices(key, text) if many else read_choice(key, text)
    if get_origin(annotation) is tuple:
        items = _items(text)
        return items if get_args(annotation)[0] is str else [_number(item) for item in items]
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
    components: Components | None = None,
) -> Settings:
    """Merge the layers (later wins) into Settings.

    With `components` the parameters of components are checked too, and brought into the form that
    enters keys (`choice.settled`).

    Raises OverrideError when an override names a key that the study's rows vary, or when the
    merged values are not allowed.
    """
    chosen = flatten(overrides or {})
    check_overrides(chosen, components)
    if study is not None:
        _refuse_varied(chosen, study)
    values = merged(layers(profile, recipe, study, task, row, chosen))
    check_overrides(values, components)
    if components is not None:
        values = {key: _settled(key, value, components) for key, value in values.items()}
    return Settings.model_validate(nest(values))


def _settled(key: str, value: Any, components: Components) -> Any:
    found = list(_chosen(key, value, components))
    if not isinstance(value, list | tuple):
        return settled(found[0][1], found[0][2]) if found else value
    items = list(value)
    for place, choice, model in found:
        items[int(place[0])] = settled(choice, model)
    return items


def _refuse_varied(chosen: Mapping[str, Any], study: Study) -> None:
    varied = {key for row in study.rows for key in flatten(row.set)}
    clash = sorted(varied.intersection(chosen))
    if clash:
        raise OverrideError(
            f"'{clash[0]}' is what the rows of '{study.study}' vary, so it cannot be overridden.",
            f"Choose rows instead, for example rows={study.rows[0].key}.",
        )
