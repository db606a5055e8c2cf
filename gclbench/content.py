"""Find and read content: ablations, recipes, profiles, layouts and published numbers.

Search order: folders given with --content, then those in $GCLBENCH_CONTENT, then the shipped ones.
A name that is found in two of them is an error showing both files. Content never runs code.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gclbench.content_folders import (
    FOLDERS,
    PUBLISHED,
    content_files,
    content_folders,
    read_table,
    shipped_folder,
)
from gclbench.errors import ContentError, UnknownNameError, suggestion
from gclbench.plain_yaml import Place, dotted, read_yaml
from gclbench.schema import Dimension, Layout, Profile, PublishedNumber, Recipe, Study
from gclbench.schema.choice import Components
from gclbench.schema.dotted import leaves
from gclbench.schema.overrides import (
    check_overrides,
    parse_overrides,
    problems,
    resolve_settings,
    setting_types,
)
from gclbench.schema.recipe_study import recipe_layout, recipe_of, recipe_study

__all__ = [
    "FOLDERS",
    "Content",
    "check_overrides",
    "load_layout",
    "load_profile",
    "load_published",
    "load_recipe",
    "load_study",
    "parse_overrides",
    "resolve_settings",
    "setting_types",
    "shipped_folder",
]

M = TypeVar("M", bound=BaseModel)

_BETWEEN = 0.381966  # no whole number, whatever the ends
_WORDS = {
    "ablations": "ablation",
    "baselines": "recipe",
    "profiles": "profile",
    "published": "published table",
    "reports": "report",
    "seconds": "table of seconds",
}


class Content:
    """All content of a set of folders, each with `ablations/`, `baselines/` and `reports/`.

    `components` gives the models of components' parameters, which files are then checked against.
    `environment` stands in for os.environ and `shipped` for the shipped folder in tests. Raises
    DataMissingError for a folder that is not there.
    """

    def __init__(
        self,
        dirs: Sequence[Path | str] = (),
        *,
        components: Components | None = None,
        environment: Mapping[str, str] | None = None,
        shipped: Path | None = None,
    ) -> None:
        self.components = components
        self.folders = content_folders(dirs, environment, shipped)

    def names(self, kind: str) -> list[str]:
        """Return the sorted names of a kind (a key of `FOLDERS`)."""
        return sorted(self._files(kind))

    def path(self, kind: str, name: str) -> Path:
        """Return the one file that defines `name`.

        Raises UnknownNameError for none, ContentError for two.
        """
        files = self._files(kind)
        if name not in files:
            if kind == "published":
                self._no_numbers(name)
            raise UnknownNameError(_WORDS[kind], name, files)
        first, *others = files[name]
        if others:
            raise ContentError(str(first), None, name, f"is also defined by {others[0]}")
        return first

    def study(self, name: str) -> Study:
        """Read an ablation; `recipe_NAME`, where no file has that name, is a recipe by itself."""
        recipe = self._by_itself("ablations", name)
        if recipe:
            return recipe_study(recipe)
        return load_study(self.path("ablations", name), self.components)

    def recipe(self, name: str) -> Recipe:
        return load_recipe(self.path("baselines", name), self.components)

    def profile(self, name: str) -> Profile:
        return load_profile(self.path("profiles", name), self.components)

    def layout(self, name: str) -> Layout:
        """Read a layout; that of a recipe by itself needs no file."""
        recipe = self._by_itself("reports", name)
        return recipe_layout(recipe) if recipe else load_layout(self.path("reports", name))

    def _by_itself(self, kind: str, name: str) -> Recipe | None:
        recipe = recipe_of(name)
        return None if recipe is None or name in self._files(kind) else self.recipe(recipe)

    def published(self, table: str) -> list[PublishedNumber]:
        """Return the numbers of a table as printed, in the order of the file."""
        return load_published(self.path("published", table))

    def published_of(self, recipe: Recipe) -> list[PublishedNumber]:
        """Return the printed numbers of a recipe's published rows, table by table.

        Raises UnknownNameError for a table, ContentError for a row that nobody printed.
        """
        found: list[PublishedNumber] = []
        for table, rows in recipe.published.items():
            numbers = self.published(table)
            printed = list(dict.fromkeys(number.row_key for number in numbers))
            for row in rows:
                if row not in printed:
                    text = f"no row '{row}' in {table}. {suggestion(row, printed)}"
                    file = self.path("baselines", recipe.recipe)
                    raise ContentError(str(file), None, f"published.{table}", text)
                found += [number for number in numbers if number.row_key == row]
        return found

    def _no_numbers(self, name: str) -> None:
        """Raise ContentError where a file has that name, but is no table of numbers."""
        for folder in self.folders:
            path = folder / FOLDERS["published"].replace("*", name)
            if path.is_file():
                columns = ", ".join(PUBLISHED)
                text = f"it is no table of published numbers: those have the columns {columns}"
                raise ContentError(str(path), 1, "header", text)

    def _files(self, kind: str) -> dict[str, list[Path]]:
        return content_files(self.folders, kind)


def load_study(path: Path, components: Components | None = None) -> Study:
    """Read an ablation and check its settings, criteria and name. Raises ContentError."""
    study, lines = _load(path, Study, "study")
    check = functools.partial(_check_set, path, lines, components)
    moves = functools.partial(_check_moves, path, lines, components)
    check(study.set, ("set",))
    listed = len(study.rows) - sum(len(list(sweep.rows())) for sweep in study.sweeps)
    for index, row in enumerate(study.rows[:listed]):
        check(row.set, ("rows", index, "set"))
    for index, task in enumerate(study.tasks):
        check(task.set, ("tasks", index, "set"))
    for index, sweep in enumerate(study.sweeps):
        check(sweep.set, ("sweeps", index, "set"))
        for number, axis in enumerate(sweep.axes):
            for place, value in enumerate(axis.values):
                at = ("sweeps", index, "axes", number, "values", place)
                moves(axis.assignments(value), at)
    for name, dimension in (study.search.space if study.search else {}).items():
        _check_dimension(path, lines, components, name, dimension)
    tasks = [task.name for task in study.tasks]
    for index, row in enumerate(study.rows[:listed]):
        for name in row.tasks:
            if name not in tasks:
                text = f"unknown task '{name}'. {suggestion(name, tasks)}"
                raise _error(path, lines, ("rows", index, "tasks"), text)
    rows = [row.key for row in study.rows]
    for index, criterion in enumerate(study.criteria):
        for field in ("row", "minus"):
            name = getattr(criterion, field)
            if name is not None and name not in rows:
                text = f"unknown row '{name}'. {suggestion(name, rows)}"
                raise _error(path, lines, ("criteria", index, field), text)
    return study


def _check_dimension(
    path: Path,
    lines: Mapping[Place, int],
    components: Components | None,
    name: str,
    dimension: Dimension,
) -> None:
    """Check what a search may give a setting: its choices or ends, and that fractions fit it."""
    at = ("search", "space", name)
    ends: Sequence[Any] = dimension.choices or (dimension.low, dimension.high)
    for end in ends:
        value = int(end) if dimension.whole and isinstance(end, float) else end
        _check_moves(path, lines, components, {name: value}, at)
    if dimension.low is None or dimension.high is None or dimension.whole:
        return
    width = dimension.high - dimension.low
    between = dimension.low + (dimension.step or width * _BETWEEN)
    if any(problems({name: between}, components)):
        raise _error(path, lines, at, "the setting takes whole numbers alone: add whole: true")


def _check_moves(
    path: Path,
    lines: Mapping[Place, int],
    components: Components | None,
    moves: Mapping[str, Any],
    at: Place,
) -> None:
    """Raise ContentError at `at` for a setting that is unknown or a value that it cannot take."""
    for problem in problems(moves, components):
        raise _error(path, lines, at, str(problem))


def load_recipe(path: Path, components: Components | None = None) -> Recipe:
    """Read a recipe of `baselines/`. Raises ContentError."""
    recipe, lines = _load(path, Recipe, "recipe")
    _check_set(path, lines, components, recipe.set, ("set",))
    return recipe


def load_profile(path: Path, components: Components | None = None) -> Profile:
    """Read a profile of `baselines/profiles/`. Raises ContentError."""
    profile, lines = _load(path, Profile, "profile")
    _check_set(path, lines, components, profile.set, ("set",))
    return profile


def load_layout(path: Path) -> Layout:
    """Read a layout of `reports/`. Raises ContentError."""
    return _load(path, Layout, "report")[0]


def load_published(path: Path) -> list[PublishedNumber]:
    """Read published numbers; an empty or '-' value stays None and is printed '-'."""
    table = read_table(path)
    for name in PUBLISHED:
        if name not in table.header:
            found = ", ".join(table.header) or "nothing"
            text = f"this column is missing (the header has: {found})"
            raise ContentError(str(path), 1, name, text)
    return [_published_number(path, line, row) for line, row in table.rows]


def _published_number(path: Path, line: int, row: Mapping[Any, Any]) -> PublishedNumber:
    if None in row or None in row.values():
        raise ContentError(str(path), line, "row", "has more or fewer fields than the header")
    if row["table"] != path.stem:
        raise ContentError(str(path), line, "table", f"'{row['table']}' is not '{path.stem}'")
    printed = row["value"].strip() or "-"
    try:
        value = None if printed == "-" else float(printed)
        if value is not None and not math.isfinite(value):
            raise ValueError(printed)
    except ValueError:
        hint = " (write a point for the decimal comma)" if "," in printed else ""
        raise ContentError(
            str(path), line, "value", f"'{printed}' is not a number{hint}"
        ) from None
    return PublishedNumber(
        **{name: row[name] for name in PUBLISHED[:-1]},
        value=value,
        printed=printed,
        columns={name: text for name, text in row.items() if name not in PUBLISHED},
    )


def _load(path: Path, model: type[M], name_key: str) -> tuple[M, dict[Place, int]]:
    data, lines = read_yaml(path)
    if not isinstance(data, dict):
        raise ContentError(str(path), 1, name_key, "the file must be a mapping of keys to values")
    try:
        loaded = model.model_validate(data)
    except ValidationError as error:
        items = [dict(item) for item in error.errors()]
        # A misspelt key is reported before the missing one that it was meant to be.
        items.sort(key=lambda item: item["type"] != "extra_forbidden")
        raise _schema_error(path, lines, model, items[0]) from None
    name = getattr(loaded, name_key)
    if name != path.stem:
        text = f"'{name}' does not match the file's name '{path.stem}'"
        raise _error(path, lines, (name_key,), text)
    return loaded, lines


def _check_set(
    path: Path,
    lines: Mapping[Place, int],
    components: Components | None,
    values: Mapping[str, Any],
    at: Place,
) -> None:
    flat: dict[str, Any] = {}
    places: dict[str, Place] = {}
    for key, value, place in leaves(values, at):
        if key in flat:
            raise _error(path, lines, place, f"'{key}' is set twice")
        flat[key], places[key] = value, place
    for key, text, inside in problems(flat, components):
        raise _error(path, lines, (*places.get(key, at), *inside), text)


def _schema_error(
    path: Path, lines: Mapping[Place, int], model: type[BaseModel], item: Mapping[str, Any]
) -> ContentError:
    at: Place = tuple(item["loc"])
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = f"unknown key. {suggestion(str(at[-1]), _fields(model, at[:-1]))}"
    elif item["type"] == "missing":
        message = "this key is missing"
    else:
        message = message[:1].lower() + message[1:]
    return _error(path, lines, at, message)


def _fields(model: type[BaseModel], at: Place) -> list[str]:
    """Return the keys that the schema allows at a place such as ("rows", 3)."""
    for part in at:
        # A place in a list, or a name that the file chose itself (a setting of a search space).
        if isinstance(part, int) or part not in model.model_fields:
            continue
        annotation = model.model_fields[part].annotation
        inner = [annotation, *getattr(annotation, "__args__", ())]
        models = [t for t in inner if isinstance(t, type) and issubclass(t, BaseModel)]
        if not models:
            return []
        model = models[0]
    return list(model.model_fields)


def _error(path: Path, lines: Mapping[Place, int], at: Place, text: str) -> ContentError:
    place = at
    while place not in lines and place:
        place = place[:-1]
    return ContentError(str(path), lines.get(place), dotted(at) or "file", text)
