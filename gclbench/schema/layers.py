"""What a cell's settings are laid up from, and so where each of its values comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gclbench.schema.dotted import flatten
from gclbench.schema.study import Profile, Recipe, Row, Study, Task

COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Layer:
    """What one place sets, by dotted keys: a profile, recipe, study, task, row, or the user.

    `kind` says which; `name` names it, "" for the command line.
    """

    kind: str
    name: str
    values: Mapping[str, Any]


def layers(
    profile: Profile | None,
    recipe: Recipe | None,
    study: Study | None,
    task: Task | None,
    row: Row | None,
    overrides: Mapping[str, Any] | None = None,
) -> list[Layer]:
    """All that is given, lowest first: a later one wins. Below them lie the defaults."""
    given = (
        ("profile", profile and profile.profile, profile),
        ("recipe", recipe and recipe.recipe, recipe),
        ("study", study and study.study, study),
        ("task", task and task.name, task),
        ("row", row and row.key, row),
    )
    found = [Layer(kind, str(name), flatten(each.set)) for kind, name, each in given if each]
    return [*found, Layer(COMMAND_LINE, "", flatten(overrides or {}))]


def merged(found: Iterable[Layer]) -> dict[str, Any]:
    """Every key that is set, with the value that wins."""
    values: dict[str, Any] = {}
    for layer in found:
        values.update(layer.values)
    return values


def origins(found: Iterable[Layer]) -> dict[str, Layer]:
    """Every key that is set, with the layer that wins."""
    return {key: layer for layer in found for key in layer.values}
