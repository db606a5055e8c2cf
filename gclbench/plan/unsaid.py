"""Settings that came after runs were kept: left out of keys where they are what there was before.

Every run that was finished without such a setting keeps its key. They are the choices of some
kinds, whose components enter by revision where they are not the default, or once that is above
the first (`graph.later_revisions`), and plain settings that say so (`schema.model.setting`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from gclbench.schema import Settings
from gclbench.schema.choice import choice_type
from gclbench.schema.dotted import flatten, setting_fields, setting_types


@cache
def unsaid_choices() -> dict[str, Any]:
    """Dotted key -> default, of every choice that is not said where it is the default."""
    kinds = {key: choice_type(annotation) for key, annotation in setting_types().items()}
    return _defaults(key for key, kind in kinds.items() if kind is not None and kind.unsaid)


@cache
def unsaid_settings() -> dict[str, Any]:
    """The same of plain settings."""
    extras = {key: field.json_schema_extra for key, field in setting_fields().items()}
    return _defaults(
        key for key, extra in extras.items() if isinstance(extra, dict) and extra.get("unsaid")
    )


def _defaults(keys: Iterable[str]) -> dict[str, Any]:
    plain = flatten(Settings().model_dump(mode="json"))
    return {key: plain[key] for key in keys}


def said(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings as plain data, but for such choices and settings at their defaults."""
    left = dict(settings)
    for key, default in (unsaid_choices() | unsaid_settings()).items():
        left = _without(left, key.split("."), default)
    return left


def _without(values: Mapping[str, Any], path: list[str], default: Any) -> dict[str, Any]:
    """`values` without what stands at `path`, where it is the default; what is passed stays."""
    name, *rest = path
    if not rest:
        return {key: value for key, value in values.items() if key != name or value != default}
    inside = values.get(name)
    return {**values, name: _without(inside, rest, default)} if inside else dict(values)
