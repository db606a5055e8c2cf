"""Read what finished evaluations say of retrieval by factor; nothing is trained."""

from __future__ import annotations

import numpy as np

from gclbench.errors import DataMissingError, UsageError
from gclbench.plan import Cell, Node
from gclbench.reporting.invariance import (
    FACTORS,
    CellFactors,
    FactorAp,
    TaskInvariance,
    build_task,
)
from gclbench.reporting.table import RowInfo
from gclbench.runtime.figures.trained import settings_words
from gclbench.runtime.session import Session
from gclbench.schema import Study

FILE = "invariance.npz"


def measured_invariance(session: Session, study: Study) -> list[TaskInvariance]:
    """Return the finished cells of a study by task, in the study's order.

    Raises UsageError for real data, whose factors nobody knows, and DataMissingError naming the
    command when no cell is finished, or when one was evaluated without factors.
    """
    cells = [cell for cell in session.cells if cell.study == study.study]
    refuse_real(next((cell.settings.data.root for cell in cells if cell.settings.data.root), None))
    found: dict[str, dict[str, dict[int, CellFactors]]] = {}
    for cell in cells:
        node = session.plan.node(session.plan.evaluate_key(cell))
        if session.artifacts.has(node):
            by_row = found.setdefault(cell.task.name, {})
            by_row.setdefault(cell.row.key, {})[cell.seed] = _read(session, node)
    if not found:
        raise DataMissingError(
            f"nothing of '{study.study}' has been measured in {session.request.home} with these "
            "settings.",
            f"First run: gclbench run ablation={study.study}{_words(session)}",
        )
    rows = _rows(cells)
    return [
        build_task(task, session.data_label(name), rows, found[name])
        for name, task in {cell.task.name: cell.task for cell in cells}.items()
        if name in found
    ]


def refuse_real(root: object) -> None:
    """Raise UsageError when `root` names real data."""
    if root:
        raise UsageError(
            f"data.root={root} is real data: nobody knows the true view, light, pose and clothes "
            "of its images.",
            "Leave data.root out: factors are known on the built-in world only.",
        )


def _rows(cells: list[Cell]) -> list[RowInfo]:
    rows = {cell.row.key: cell.row for cell in cells}
    return [RowInfo(row.key, row.label, row.control) for row in rows.values()]


def _read(session: Session, node: Node) -> CellFactors:
    path = session.artifacts.path(node) / FILE
    if not path.is_file():
        raise DataMissingError(
            f"{node.label} was evaluated without true factors (no {path.name}).",
            "They are measured on the test set of the built-in world: leave evaluate.split out.",
        )
    with np.load(path, allow_pickle=False) as arrays:
        factors = {
            factor.name: FactorAp(
                100.0 * arrays[f"{factor.name}_ap"], arrays[f"{factor.name}_edges"]
            )
            for factor in FACTORS
        }
    return CellFactors(factors, node.key)


def _words(session: Session) -> str:
    """The words of a command line that asks for the same cells."""
    request = session.request
    asked = {"rows": request.rows, "tasks": request.tasks, "seeds": request.seeds}
    words = [f" {key}={','.join(map(str, value))}" for key, value in asked.items() if value]
    return "".join(words) + settings_words(session)
