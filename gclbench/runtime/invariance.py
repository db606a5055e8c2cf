"""Read what finished evaluations say of retrieval by factor; nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gclbench.errors import DamagedResultError, DataMissingError, UsageError
from gclbench.plan import Cell, Node
from gclbench.plan.idle import idle_of
from gclbench.reporting.damaged import Damaged, names_of
from gclbench.reporting.invariance import (
    FACTORS,
    CellFactors,
    FactorAp,
    TaskInvariance,
    build_task,
)
from gclbench.reporting.table import RowInfo
from gclbench.reporting.untrained import Untrained, untrained_names
from gclbench.results.evaluations import (
    damage_of,
    damaged_result,
    read_arrays,
    read_evaluation,
)
from gclbench.runtime.figures.trained import settings_words, so_far
from gclbench.schema import Study
from gclbench.schema.plausible import impossible
from gclbench.study.opened import OpenStudy

FILE = "invariance.npz"

Found = dict[str, dict[str, dict[int, CellFactors]]]  # task -> row -> seed


def measured_invariance(opened: OpenStudy, study: Study) -> list[TaskInvariance]:
    """Return the finished cells of a study by task, in the study's order.

    A cell whose stored numbers cannot be is named and has no part in anything; one of a task that
    has no sound cell is named with the first task.
    Raises UsageError for real data, whose factors nobody knows, DataMissingError naming the
    command when no cell is finished, when a stage of all took no step, or when one was evaluated
    without factors, and DamagedResultError when there is no sound cell.
    """
    cells = [cell for cell in opened.cells if cell.study == study.study]
    refuse_real(next((cell.settings.data.root for cell in cells if cell.settings.data.root), None))
    found, damaged, untrained = _sorted(opened, cells)
    if not found and damaged:
        raise _nothing_sound(study, cells, damaged)
    labels = {cell.row.key: cell.row.label for cell in cells}
    names = {cell.task.name: cell.task.label for cell in cells}
    lost = [f"Left out: {text}." for text in untrained_names(untrained, labels, names)]
    if not found and lost:
        raise DataMissingError(f"nothing of '{study.study}' was trained. {' '.join(lost)}")
    if not found:
        raise DataMissingError(
            f"nothing of '{study.study}' has been measured in {opened.question.home} with these "
            f"settings.{so_far(opened)}",
            f"First run: gclbench run ablation={study.study}{_words(opened)}",
        )
    rows = _rows(cells)
    tasks = {c.task.name: c.task for c in cells if c.task.name in found}
    named = {name: [each for each in damaged if each.task == name] for name in tasks}
    named[next(iter(tasks))] += [each for each in damaged if each.task not in tasks]
    return [
        build_task(task, opened.data_label(name), rows, found[name], named[name], lost)
        for name, task in tasks.items()
    ]


def refuse_real(root: object) -> None:
    """Raise UsageError when `root` names real data."""
    if root:
        raise UsageError(
            f"data.root={root} is real data: nobody knows the true view, light, pose and clothes "
            "of its images.",
            "Leave data.root out: factors are known on the built-in world only.",
        )


def _sorted(opened: OpenStudy, cells: list[Cell]) -> tuple[Found, list[Damaged], list[Untrained]]:
    """The sound ones among the finished cells, the damaged ones, those that took no step."""
    found: Found = {}
    damaged: list[Damaged] = []
    untrained: list[Untrained] = []
    for cell in cells:
        node = opened.plan.node(opened.plan.evaluate_key(cell))
        if not opened.artifacts.has(node):
            continue
        try:
            factors = _read(opened, node)
        except DamagedResultError:
            damaged.append(damage_of(cell, node))
            continue
        idle = idle_of(opened.artifacts, opened.artifacts.read(node))
        cell_of = Untrained(cell.row.key, cell.task.name, cell.seed, idle)
        if cell_of.whole:
            untrained.append(cell_of)
        else:
            by_row = found.setdefault(cell.task.name, {})
            by_row.setdefault(cell.row.key, {})[cell.seed] = factors
    return found, damaged, untrained


def _nothing_sound(study: Study, cells: list[Cell], damaged: list[Damaged]) -> DamagedResultError:
    rows = {cell.row.key: cell.row.label for cell in cells}
    names = names_of(damaged, rows, {cell.task.name: cell.task.label for cell in cells})
    return DamagedResultError(
        f"all that '{study.study}' has stored is damaged: {names}.",
        "Run again: it is set aside and made anew. Where that does not help, delete "
        "HOME/artifacts/evaluate/KEY (each KEY begins as above) first.",
    )


def _rows(cells: list[Cell]) -> list[RowInfo]:
    rows = {cell.row.key: cell.row for cell in cells}
    return [RowInfo(row.key, row.label, row.control) for row in rows.values()]


def _read(opened: OpenStudy, node: Node) -> CellFactors:
    read_evaluation(opened.artifacts, node)  # what is damaged in one file is trusted in none
    path = opened.artifacts.path(node) / FILE
    if not path.is_file():
        raise DataMissingError(
            f"{node.label} was evaluated without true factors (no {path.name}).",
            "They are measured on the test set of the built-in world: leave evaluate.split out.",
        )
    arrays = read_arrays(node, path)
    problem = next((each for factor in FACTORS if (each := _problem(factor.name, arrays))), "")
    if problem:
        raise damaged_result(node, path.parent, problem)
    factors = {
        factor.name: FactorAp(100.0 * arrays[f"{factor.name}_ap"], arrays[f"{factor.name}_edges"])
        for factor in FACTORS
    }
    return CellFactors(factors, node.key)


def _problem(factor: str, arrays: Mapping[str, np.ndarray]) -> str:
    """What cannot be in the arrays of a factor; '' where all is possible."""
    names = (f"{factor}_ap", f"{factor}_edges")
    missing = [name for name in names if name not in arrays]
    if missing:
        return f"{FILE} has no {missing[0]}"
    return impossible({}, arrays[names[0]])


def _words(opened: OpenStudy) -> str:
    """The words of a command line that asks for the same cells."""
    question = opened.question
    asked = {"rows": question.rows, "tasks": question.tasks, "seeds": question.seeds}
    words = [f" {key}={','.join(map(str, value))}" for key, value in asked.items() if value]
    return "".join(words) + settings_words(opened)
