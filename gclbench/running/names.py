"""What a display calls nodes and cells: short, and never a twin by a real dataset's name alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gclbench.reporting.origin import data_heading, legend, short_names

if TYPE_CHECKING:
    from gclbench.plan import Cell
    from gclbench.schema import Task
    from gclbench.study.opened import OpenStudy

_SEED = " seed "


@dataclass(frozen=True)
class Names:
    """`nodes` by key, `data` by task's name; what has no name of its own keeps its label."""

    nodes: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    legend: str = ""

    def cell(self, cell: Cell) -> str:
        """What a cell's data are called."""
        return self.data.get(cell.task.name, cell.task.label)


def names_of(opened: OpenStudy) -> Names:
    """Name every node with the data it works on: "warmup jvtc sDuke→sMarket seed 0"."""
    tasks = {cell.task.name: cell.task for cell in opened.cells}
    headings = {name: data_heading(task, opened.data_label(name)) for name, task in tasks.items()}
    data = {name: _short(text) for name, text in headings.items()}
    nodes = {node.key: node.label for node in opened.plan.nodes}
    for cell in opened.cells:
        for key in opened.plan.chain(cell):
            nodes[key] = _named(nodes[key], cell.task, headings[cell.task.name])
    return Names(nodes, data, legend(headings.values()))


def fitted(start: str, more: Sequence[str], width: int, end: str = "") -> str:
    """Return a start with as many of `more` as a width has room for, and the end in any case."""
    line = start
    for part in more:
        if len(line) + 2 + len(part) + len(end) > width:
            break
        line = f"{line}  {part}"
    return line + end


def _short(heading: str) -> str:
    return short_names(heading).replace(" → ", "→")


def _named(label: str, task: Task, heading: str) -> str:
    """A node's label with the short name of the data in the place of the task's or the role's."""
    source = heading.partition(" → ")[0]
    for name, data in ((task.name, heading), (task.source, source)):
        before, found, seed = label.rpartition(f" {name}{_SEED}")
        if name is not None and found:
            return f"{before} {_short(data)}{_SEED}{seed}"
    return label
