"""What a study, a recipe and a profile file may say (ablations/*.yaml, baselines/*.yaml)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, model_validator

from gclbench.schema.model import Model

Role = Literal["market1501", "dukemtmc_reid"]


class Stage(StrEnum):
    """The training stages in the order in which they follow each other."""

    PRETRAIN = "pretrain"
    SOURCE = "source"
    WARMUP = "warmup"
    GAN = "gan"
    JOINT = "joint"
    EVALUATE = "evaluate"


class Task(Model):
    """A dataset to learn without labels, and for UDA the labelled source.

    `name` is as in baselines/published/*.csv: market1501, dukemtmc-reid, duke2market, market2duke.
    """

    name: str
    setting: Literal["usl", "uda"]
    label: str
    target: Role
    source: Role | None = None

    @model_validator(mode="after")
    def _uda_has_a_source(self) -> Task:
        if (self.setting == "uda") != (self.source is not None):
            raise ValueError("a uda task names a source, a usl task does not")
        return self


class Row(Model):
    """One line of a table: what differs from the recipe (`set`, dotted keys) and where it stops.

    `source` trains on labels first, also in a usl task: target role -> source role (world_check).
    `control` rows are ours, not the paper's, and need the rendered world.
    """

    key: str
    label: str
    set: dict[str, Any] = Field(default_factory=dict)
    stop: Stage = Stage.JOINT
    source: dict[str, Role] = Field(default_factory=dict)
    control: bool = False


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
    """An ablation: rows x tasks x seeds over one recipe."""

    study: str
    title: str
    recipe: str
    tasks: tuple[Task, ...]
    rows: tuple[Row, ...]
    seeds: tuple[int, ...] = (0,)
    set: dict[str, Any] = Field(default_factory=dict)
    report: str
    criteria: tuple[Criterion, ...] = ()

    @model_validator(mode="after")
    def _rows_and_tasks_are_unique(self) -> Study:
        for field, names in (
            ("rows", [row.key for row in self.rows]),
            ("tasks", [task.name for task in self.tasks]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"two {field} have the same name")
        return self


class Recipe(Model):
    """A full method (`set`: settings over the defaults), or a system known by its numbers only."""

    recipe: str
    title: str
    reference: str
    setting: str
    runs_here: bool
    set: dict[str, Any] = Field(default_factory=dict)
    notes: str = ""


class Profile(Model):
    """A named set of sizes, laid under the recipe (`set`: settings over the defaults)."""

    profile: str
    title: str
    set: dict[str, Any] = Field(default_factory=dict)
    threads: int = Field(default=1, ge=1)
    workers: int = Field(default=1, ge=1)
