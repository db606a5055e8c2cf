"""What a study, a recipe and a profile file may say (ablations/*.yaml, baselines/*.yaml)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from itertools import product
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gclbench.schema.dotted import flatten
from gclbench.schema.model import Model
from gclbench.schema.names import Name, check_format, check_name
from gclbench.schema.search import Dimension as Dimension
from gclbench.schema.search import Search as Search

_MOST_ROWS = 10_000  # of one sweep
Role = Literal["market1501", "dukemtmc_reid", "msmt17", "mars", "dukemtmc_videoreid"]


class Stage(StrEnum):
    """The training stages in the order in which they follow each other."""

    PRETRAIN = "pretrain"
    SOURCE = "source"
    WARMUP = "warmup"
    GAN = "gan"
    JOINT = "joint"
    EVALUATE = "evaluate"


# What a reader calls the stages that train.
STAGE_TITLES = {
    Stage.PRETRAIN: "pre-training",
    Stage.SOURCE: "training on the source",
    Stage.WARMUP: "stage 1",
    Stage.GAN: "stage 2",
    Stage.JOINT: "stage 3",
}


class Task(Model):
    """A dataset to learn without labels, and for UDA the labelled source.

    `name` is as in baselines/published/*.csv: market1501, dukemtmc-reid, msmt17, duke2market ...
    `set` is what its data ask for, such as the frames of a bin: laid over the study, under a row.
    """

    name: Name
    setting: Literal["usl", "uda"]
    label: str
    target: Role
    source: Role | None = None
    set: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _uda_has_a_source(self) -> Task:
        if (self.setting == "uda") != (self.source is not None):
            raise ValueError("a uda task names a source, a usl task does not")
        return self


class Row(Model):
    """One line of a table: what differs from the recipe (`set`, dotted keys) and where it stops.

    `source` trains on labels first, also in a usl task: target role -> source role (world_check).
    `tasks` names the tasks that the row is run on; left out, all of the study's. `columns` is what
    the report's text columns say where the paper has no such row: column -> text.
    `control` rows are ours, not the paper's, and need the rendered world. `at` says where a row
    made by a sweep stands on its axes: axis name -> value.
    """

    key: Name
    label: str
    set: dict[str, Any] = Field(default_factory=dict)
    stop: Stage = Stage.JOINT
    source: dict[str, Role] = Field(default_factory=dict)
    tasks: tuple[str, ...] = ()
    columns: dict[str, str] = Field(default_factory=dict)
    control: bool = False
    at: dict[str, Any] = Field(default_factory=dict)

    def runs_on(self, task: str) -> bool:
        return not self.tasks or task in self.tasks


class Axis(Model):
    """Values of one setting, or of several that move together (each value is then a list).

    `key` and `label` are format strings for the value: "eps_{:.2f}" makes the row eps_0.40.
    """

    name: str
    settings: Annotated[tuple[str, ...], Field(min_length=1)]
    values: Annotated[tuple[Any, ...], Field(min_length=1)]
    key: str
    label: str = "{}"

    @model_validator(mode="after")
    def _every_value_fits(self) -> Axis:
        if len(set(self.settings)) != len(self.settings):
            raise ValueError(f"{self.name} moves one setting twice")
        for value in self.values:
            moves = value if isinstance(value, list | tuple) else [value]
            if len(self.settings) > 1 and len(moves) != len(self.settings):
                raise ValueError(f"{value} does not set {len(self.settings)} settings")
            for form in (self.key, self.label):
                try:
                    check_format(form)
                    form.format(value)
                except (AttributeError, LookupError, TypeError, ValueError) as error:
                    text = f"{value} cannot be written as '{form}': {error}"
                    raise ValueError(text) from error
            check_name(self.key.format(value))
        if len({self.key.format(value) for value in self.values}) != len(self.values):
            raise ValueError(f"two values of {self.name} have the same key")
        return self

    def assignments(self, value: Any) -> dict[str, Any]:
        """Return what one value sets."""
        if len(self.settings) == 1:
            return {self.settings[0]: value}
        return dict(zip(self.settings, value, strict=True))


class Sweep(Model):
    """A grid over one or more axes: a row for every combination of their values.

    `set` holds for all of its rows. No two axes have one name or move one setting.
    """

    axes: Annotated[tuple[Axis, ...], Field(min_length=1)]
    set: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _axes_do_not_overlap(self) -> Sweep:
        moved = [name for axis in self.axes for name in axis.settings]
        for what, names in (
            ("axis", [axis.name for axis in self.axes]),
            ("setting", [*flatten(self.set), *moved]),
        ):
            twice = sorted(name for name in dict.fromkeys(names) if names.count(name) > 1)
            if twice:
                raise ValueError(f"the {what} {twice[0]} stands twice in one sweep")
        return self

    @model_validator(mode="after")
    def _is_not_endless(self) -> Sweep:
        count = prod(len(axis.values) for axis in self.axes)
        if count > _MOST_ROWS:
            raise ValueError(f"a sweep makes at most {_MOST_ROWS:,} rows, not {count:,}")
        return self

    def rows(self) -> Iterator[Row]:
        for values in product(*(axis.values for axis in self.axes)):
            points = list(zip(self.axes, values, strict=True))
            moved: dict[str, Any] = {}
            for axis, value in points:
                moved |= axis.assignments(value)
            yield Row(
                key="-".join(axis.key.format(value) for axis, value in points),
                label=", ".join(axis.label.format(value) for axis, value in points),
                set={**self.set, **moved},
                at={axis.name: value for axis, value in points},
            )


class Criterion(Model):
    """A condition on the rows of a study that `gclbench run` checks and prints.

    Values are mAP in 0-100. `of` aggregates over seeds (and, with `over: tasks`, over tasks).
    `row` (minus `minus`, when given) must be at least `at_least` and at most `at_most`.
    """

    name: str
    row: str
    minus: str | None = None
    of: Literal["mean", "median", "min"] = "mean"
    over: Literal["seeds", "seeds_and_tasks"] = "seeds"
    at_least: float | None = None
    at_most: float | None = None


class Study(Model):
    """An ablation: rows x tasks x seeds over one recipe, or a search of it.

    Rows are listed, made by `sweeps`, or both. A study with `search` has one row (what is searched
    over) and one task; `gclbench tune` runs it, and `report` may be left out.
    """

    study: Name
    title: str
    recipe: str
    tasks: tuple[Task, ...]
    rows: tuple[Row, ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    seeds: tuple[int, ...] = (0,)
    set: dict[str, Any] = Field(default_factory=dict)
    report: str | None = None
    criteria: tuple[Criterion, ...] = ()
    search: Search | None = None

    @model_validator(mode="after")
    def _rows_of_sweeps(self) -> Study:
        # A study that was dumped and is read back lists the rows of its sweeps already.
        swept = [row for sweep in self.sweeps for row in sweep.rows()]
        listed = {row.key: row for row in self.rows}
        new = [row for row in swept if listed.get(row.key) != row]
        object.__setattr__(self, "rows", (*self.rows, *new))
        return self

    @model_validator(mode="after")
    def _rows_and_tasks_are_unique(self) -> Study:
        for field, names in (
            ("rows", [row.key for row in self.rows]),
            ("tasks", [task.name for task in self.tasks]),
        ):
            if not names:
                raise ValueError(f"a study has {field}")
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f"two {field} have the same name, '{twice[0]}'")
        return self

    @model_validator(mode="after")
    def _a_search_has_one_place(self) -> Study:
        if self.search is None and self.report is None:
            raise ValueError("a study without a search names its report")
        if self.search is not None and len(self.rows) * len(self.tasks) * len(self.seeds) != 1:
            raise ValueError("a search has one row, one task and one seed")
        return self


class Recipe(Model):
    """A full method (`set`: settings over the defaults), or a system known by its numbers only.

    `stop`: where it ends when it is run by itself (`gclbench run recipe=NAME task=TASK`); a method
    that is a warm-up stops there. A study's rows say for themselves where they stop.
    `reimplemented`: put together from the paper and public code; its page says what rests on what.
    `published` links it to its rows of baselines/published/: table -> row keys.
    """

    recipe: Name
    title: str
    reference: str
    setting: str
    runs_here: bool
    reimplemented: bool = False
    stop: Stage = Stage.JOINT
    set: dict[str, Any] = Field(default_factory=dict)
    published: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    notes: str = ""

    @model_validator(mode="after")
    def _runs_or_is_printed(self) -> Recipe:
        if not self.runs_here and self.set:
            raise ValueError("a system that does not run here has no settings (set)")
        if not self.runs_here and self.reimplemented:
            raise ValueError("a system that does not run here is not reimplemented")
        if not self.runs_here and not self.published:
            raise ValueError("a system that does not run here names its published rows")
        return self


class Profile(Model):
    """A named set of sizes, laid under the recipe (`set`: settings over the defaults)."""

    profile: Name
    title: str
    set: dict[str, Any] = Field(default_factory=dict)
    threads: int = Field(default=1, ge=1)
    workers: int = Field(default=1, ge=1)
