"""Cells: what a study asks for, one fully resolved configuration per row x task x seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gclbench.errors import UnknownNameError, UsageError
from gclbench.schema import Profile, Recipe, Row, Settings, Stage, Study, Task
from gclbench.schema.choice import Components
from gclbench.schema.overrides import resolve_settings

# Sacred hands a run's seed to NumPy's legacy generator, which takes 32 bits.
MAX_SEED = 2**32 - 1
_STOPS = (Stage.PRETRAIN, Stage.SOURCE, Stage.WARMUP, Stage.JOINT)


@dataclass(frozen=True)
class Cell:
    """One configuration of a study; it is trained up to `stop` and evaluated there."""

    study: str
    row: Row
    task: Task
    seed: int
    settings: Settings
    stop: Stage

    @property
    def name(self) -> str:
        """study/row/task/seed: unique among the cells of a plan."""
        return f"{self.study}/{self.row.key}/{self.task.name}/{self.seed}"

    @property
    def control(self) -> bool:
        return self.row.control

    @property
    def source(self) -> str | None:
        """The role that is learnt with labels first, or None."""
        return self.task.source or self.row.source.get(self.task.target)


def build_cells(
    study: Study,
    recipe: Recipe,
    profile: Profile | None = None,
    overrides: Mapping[str, Any] | None = None,
    seeds: Sequence[int] | None = None,
    rows: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    *,
    searching: bool = False,
    components: Components | None = None,
) -> list[Cell]:
    """Return the cells of a study, ordered by row, task, seed (as the study lists them).

    A row has none on tasks that it does not name.

    `seeds`, `rows` and `tasks` choose a part; None means all that the study names. Control rows
    need the rendered world: with `data.root` set they are left out, and asking for one is a
    UsageError. `searching` says that a trial of the study's search is asked for. `components`
    gives the models of components' parameters: without it they are taken as they come. Raises
    UnknownNameError for an unknown row or task, UsageError for a study of the other kind (with a
    search or without), a recipe that does not run here, a seed out of range, rows that run on none
    of the tasks asked for, or a row that stops where nothing can be evaluated.
    """
    _check_kind(study, searching)
    if not recipe.runs_here:
        raise UsageError(
            f"'{recipe.recipe}' is known by its published numbers only.",
            "Choose a study whose recipe runs here: gclbench list baselines.",
        )
    chosen_rows = _choose("row", study.rows, [row.key for row in study.rows], rows)
    chosen_tasks = _choose("task", study.tasks, [task.name for task in study.tasks], tasks)
    chosen_seeds = _check_seeds(study.seeds if seeds is None else seeds)
    cells: list[Cell] = []
    for row, task in _pairs(study, chosen_rows, chosen_tasks):
        settings = resolve_settings(profile, recipe, study, row, overrides, task, components)
        if row.control and settings.data.root is not None:
            if rows is not None:
                raise UsageError(
                    f"row '{row.key}' is a control that needs the rendered world.",
                    "Leave data.root unset, or leave the row out.",
                )
            continue
        for seed in chosen_seeds:
            cell = Cell(study.study, row, task, seed, settings, row.stop)
            _check_stop(cell)
            cells.append(cell)
    return cells


def _pairs(study: Study, rows: Sequence[Row], tasks: Sequence[Task]) -> list[tuple[Row, Task]]:
    pairs = [(row, task) for row in rows for task in tasks if row.runs_on(task.name)]
    if rows and tasks and not pairs:
        asked = ", ".join(row.key for row in rows)
        raise UsageError(
            f"{study.study} runs none of the rows {asked} on {', '.join(t.name for t in tasks)}.",
            f"Tasks of {rows[0].key}: {', '.join(rows[0].tasks)}.",
        )
    return pairs


def _check_kind(study: Study, searching: bool) -> None:
    if study.search is not None and not searching:
        raise UsageError(
            f"'{study.study}' is a search, not a table of rows.",
            f"Use: gclbench tune study={study.study}",
        )
    if study.search is None and searching:
        raise UsageError(
            f"'{study.study}' has no search space.",
            f"Use: gclbench run ablation={study.study}",
        )


def _choose(
    what: str, items: Sequence[Any], names: Sequence[str], wanted: Iterable[str] | None
) -> list[Any]:
    if wanted is None:
        return list(items)
    chosen = set(wanted)
    for name in sorted(chosen):
        if name not in names:
            raise UnknownNameError(what, name, names)
    return [item for item, name in zip(items, names, strict=True) if name in chosen]


def _check_seeds(seeds: Iterable[int]) -> list[int]:
    unique = list(dict.fromkeys(seeds))
    for seed in unique:
        if not 0 <= seed <= MAX_SEED:
            raise UsageError(f"seed {seed} is out of range.", f"Seeds go from 0 to {MAX_SEED}.")
    return unique


def _check_stop(cell: Cell) -> None:
    if cell.stop not in _STOPS:
        allowed = ", ".join(stage.value for stage in _STOPS)
        raise UsageError(
            f"row '{cell.row.key}' stops at '{cell.stop.value}', where nothing can be evaluated.",
            f"Allowed: {allowed}.",
        )
    if cell.stop is Stage.SOURCE and cell.source is None:
        raise UsageError(
            f"row '{cell.row.key}' stops after supervised training, but names no source for"
            f" '{cell.task.target}'.",
            "Add it to the row's `source`.",
        )
