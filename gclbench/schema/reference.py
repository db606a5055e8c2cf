"""What there is to say of every setting: its name, default, type, range, unit, symbol, meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gclbench.errors import UnknownNameError, UsageError
from gclbench.schema.choice import Choice, choice_type
from gclbench.schema.overrides import unknown_key
from gclbench.schema.settings import Settings

LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
_WORDS = {bool: "true or false", float: "number", int: "whole number", str: "text"}


@dataclass(frozen=True)
class SettingRow:
    """One setting; `default` is plain data, `limits`, `unit` and `symbol` are "" for none.

    `symbol` is the paper's: that of GCL+, in the section of a warm-up the one of its own paper.
    """

    name: str
    default: Any
    kind: str
    limits: str
    unit: str
    symbol: str
    description: str


@dataclass(frozen=True)
class Section:
    """A section of the settings, by its dotted name, and the first line of what it says."""

    name: str
    summary: str


def rows_of(section: str = "") -> list[SettingRow]:
    """The settings of a section and of those inside it, in the schema's order; "" for all.

    A setting's own name gives it alone. Raises UnknownNameError, UsageError for a dotted name.
    """
    found = [row for row in _rows() if _inside(row.name, section)]
    if not found and "." in section:
        raise UsageError(unknown_key(section) or "")
    if not found:
        names = [each.name for each in sections()]
        raise UnknownNameError("section of the settings", section, names)
    return found


@cache
def sections() -> tuple[Section, ...]:
    """Every section, in the schema's order; those inside another follow it."""
    return tuple(_sections(Settings, ""))


def section_of(setting: str) -> str:
    """The dotted name of the section that a setting stands in."""
    return setting.rpartition(".")[0]


def _inside(name: str, section: str) -> bool:
    return not section or name == section or name.startswith(f"{section}.")


@cache
def _rows() -> tuple[SettingRow, ...]:
    return tuple(_walk(Settings, ""))


def _is_section(annotation: Any) -> bool:
    return (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and not issubclass(annotation, Choice)
    )


def _walk(model: type[BaseModel], prefix: str) -> Iterator[SettingRow]:
    plain = model().model_dump(mode="json")
    for name, field in model.model_fields.items():
        inner: Any = field.annotation
        if _is_section(inner):
            yield from _walk(inner, f"{prefix}{name}.")
        else:
            yield _row(prefix + name, field, plain[name])


def _row(name: str, field: FieldInfo, default: Any) -> SettingRow:
    extra = field.json_schema_extra
    said: dict[str, Any] = dict(extra) if isinstance(extra, dict) else {}
    limits = [*_limits(field.metadata), *_inner_limits(field.annotation)]
    return SettingRow(
        name,
        default,
        _kind(field.annotation),
        ", ".join(dict.fromkeys(limits)),
        str(said.get("unit", "")),
        str(said.get("symbol", "")),
        field.description or "",
    )


def _sections(model: type[BaseModel], prefix: str) -> Iterator[Section]:
    for name, field in model.model_fields.items():
        inner: Any = field.annotation
        if _is_section(inner):
            summary = (inner.__doc__ or "").strip().split("\n")[0]
            yield Section(prefix + name, summary)
            yield from _sections(inner, f"{prefix}{name}.")


def _kind(annotation: Any) -> str:
    """A type in words: "number", "one of a, b", "list of losses", "text or none"."""
    choice = choice_type(annotation)
    if choice is not None:
        many = get_origin(annotation) is tuple
        named = f"list of {choice.kind}" if many else f"one of {choice.kind}"
        return f"{named} or none" if NoneType in get_args(annotation) else named
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inside[0])
    if origin is Literal:
        return f"one of {', '.join(map(str, inside))}"
    if origin in (Union, UnionType):
        return " or ".join("none" if each is NoneType else _kind(each) for each in inside)
    if origin is tuple:
        return f"{len(inside)} {_kind(inside[0])}s"
    return _WORDS.get(annotation, str(annotation))


def _inner_limits(annotation: Any) -> Iterator[str]:
    """Limits of what a union or a list is made of."""
    for each in get_args(annotation):
        if get_origin(each) is Annotated:
            yield from _limits(each.__metadata__)


def _limits(metadata: Any) -> Iterator[str]:
    for each in metadata:
        if isinstance(each, FieldInfo):  # Annotated[int, Field(ge=0)]
            yield from _limits(each.metadata)
        for key, word in LIMITS.items():
            bound = getattr(each, key, None)
            if bound is not None:
                yield f"{word} {bound:g}"
