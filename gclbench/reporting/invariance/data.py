"""mAP by what differs between query and match, its drop, and what a row buys of it.

The drop of a factor is mAP where the task is easy minus mAP where it is hard: nearest minus
farthest bin, and for clothing the queries whose best double is least alike minus most alike. An
encoder that is invariant to the factor has none. All numbers are percentages 0-100.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import UsageError
from gclbench.reporting.damaged import Damaged, keys_of
from gclbench.reporting.table import Cell, RowInfo
from gclbench.schema import Task
from gclbench.seeding import numpy_generator
from gclbench.stats import Interval, group_difference, paired_difference, summarise

Floats = NDArray[np.float64]
BASELINE = "baseline"
# A bootstrap of one query says that nothing varies.
_LEAST_QUERIES = 2


@dataclass(frozen=True)
class Factor:
    """How a factor is named and read. `easy` and `hard` are the bins that the drop compares.

    `unit` is that of the edges on disk, `axis` what a reader sees, written by `show`.
    `by_query`: each query is in one bin, so easy and hard are different queries.
    """

    name: str
    title: str
    unit: str
    axis: str
    show: Callable[[float], str]
    easy: int = 0
    hard: int = -1
    by_query: bool = False
    last: float | None = None

    def labels(self, edges: Floats) -> tuple[str, ...]:
        """Name the bins; a value on an edge belongs to the bin behind it."""
        shown = [self.show(float(edge)) for edge in edges]
        inner = [f"{low}–{high}" for low, high in pairwise(shown)]
        end = f"≥{shown[-1]}" if self.last is None else f"{shown[-1]}–{self.show(self.last)}"
        return (f"<{shown[0]}", *inner, end)


FACTORS = (
    Factor("viewpoint", "viewpoint gap", "degrees", "degrees", lambda v: f"{v:.0f}°", last=180.0),
    Factor(
        "light",
        "light gap",
        "log of the ratio of brightness",
        "ratio of brightness",
        lambda v: f"×{np.exp(v):.2f}",
    ),
    Factor(
        "pose",
        "pose gap",
        "degrees, mean over joints",
        "degrees, mean over joints",
        lambda v: f"{v:.1f}°",
    ),
    Factor(
        "clothing",
        "clothing: distance of the most alike stranger",
        "distance of mean RGB colours",
        "mean RGB colours, 0–255",
        lambda v: f"{v:.0f}",
        easy=-1,
        hard=0,
        by_query=True,
    ),
)


@dataclass(frozen=True)
class FactorAp:
    """AP (Q, B) in percent by bin, NaN where a query has no true match in it; edges (B - 1,)."""

    ap: Floats
    edges: Floats


@dataclass(frozen=True)
class CellFactors:
    """One evaluated cell: factor name -> APs, and the node that measured them."""

    factors: Mapping[str, FactorAp]
    node: str = ""


@dataclass(frozen=True)
class FactorLine:
    """One row: mAP by bin (None: no query), its drop, and the drop minus the reference's.

    `drop` is None where too few queries answer, `change` also for the reference itself and where
    no seed is shared with it. `damaged` holds the keys of evaluations that have no part in it.
    """

    key: str
    label: str
    control: bool
    bins: tuple[Cell | None, ...]
    drop: Interval | None
    change: Interval | None
    damaged: tuple[str, ...] = ()

    @property
    def lost(self) -> bool:
        """Whether damaged evaluations are all that there is."""
        return bool(self.damaged) and not any(self.bins)


@dataclass(frozen=True)
class FactorPanel:
    """One factor of one task. `queries` by bin; `compared`: the queries that the drop rests on."""

    factor: Factor
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    queries: tuple[int, ...]
    compared: int
    lines: tuple[FactorLine, ...]


@dataclass(frozen=True)
class TaskInvariance:
    """All factors of one task; `reference` is the row that the others are compared with.

    `damaged`: evaluations that are left out because their stored numbers cannot be; `notes` say
    what else is left out.
    """

    task: Task
    data: str
    reference: RowInfo
    panels: tuple[FactorPanel, ...]
    seeds: tuple[int, ...]
    damaged: tuple[Damaged, ...] = ()
    notes: tuple[str, ...] = ()


BySeed = Mapping[int, CellFactors]


def build_task(
    task: Task,
    data: str,
    rows: Sequence[RowInfo],
    cells: Mapping[str, BySeed],
    damaged: Sequence[Damaged] = (),
    notes: Sequence[str] = (),
) -> TaskInvariance:
    """Summarise the finished cells of one task: `cells` maps row key -> seed -> cell.

    Rows of which only `damaged` evaluations are left are shown without a number.

    Bins      mean over queries with a true match in the bin, then over seeds. Interval as in
              `stats.summarise`: several seeds, Student's over seeds; one, bootstrap over queries.
    Drop      by `paired_difference` over queries with both bins; for clothing, where no query has
              both, by `group_difference`.
    Change    the same over row minus reference, query by query, on the seeds that both have.
    Chance    resampling is seeded by row, task and factor: a report repeats to the last digit.
    Raises    UsageError when no row is finished, or when rows were measured on other people.
    """
    sound = [row for row in rows if cells.get(row.key)]
    if not sound:
        raise UsageError(f"nothing is measured of {task.name}.", "Run the study first.")
    sound = [r for r in sound if not r.control] + [r for r in sound if r.control]
    reference = next((row for row in sound if row.key == BASELINE), sound[0])
    panels = tuple(_panel(factor, task, data, sound, cells, reference) for factor in FACTORS)
    seeds = tuple(sorted({seed for row in sound for seed in cells[row.key]}))
    lost = {row.key: keys_of(damaged, row.key, task.name) for row in rows}
    panels = tuple(_with_damage(panel, rows, lost) for panel in panels)
    return TaskInvariance(task, data, reference, panels, seeds, tuple(damaged), tuple(notes))


def _panel(
    factor: Factor,
    task: Task,
    data: str,
    rows: Sequence[RowInfo],
    cells: Mapping[str, BySeed],
    reference: RowInfo,
) -> FactorPanel:
    aps = {
        row.key: {seed: cell.factors[factor.name] for seed, cell in cells[row.key].items()}
        for row in rows
    }
    answered, edges = _shared(factor, task, aps)
    lines = []
    for row in rows:
        own, base = aps[row.key], aps[reference.key]
        names = ("invariance", task.name, factor.name, row.key)
        nodes = ";".join(cell.node for _, cell in sorted(cells[row.key].items()))
        bins = [
            _bin([own[seed].ap[:, b] for seed in sorted(own)], data, nodes, (*names, b))
            for b in range(answered.shape[1])
        ]
        change = None if row.key == reference.key else _change(factor, own, base, names)
        drop = _drop(factor, [own[seed].ap for seed in sorted(own)], (*names, "drop"))
        lines.append(FactorLine(row.key, row.label, row.control, tuple(bins), drop, change))
    return FactorPanel(
        factor=factor,
        edges=tuple(float(edge) for edge in edges),
        labels=factor.labels(edges),
        queries=tuple(int(count) for count in answered.sum(axis=0)),
        compared=sum(_compared(factor, answered)),
        lines=tuple(lines),
    )


def _with_damage(
    panel: FactorPanel, rows: Sequence[RowInfo], damaged: Mapping[str, tuple[str, ...]]
) -> FactorPanel:
    """Name what is damaged by row, and add a line without a number where nothing else is left."""
    known = {line.key: line for line in panel.lines}
    nothing: tuple[Cell | None, ...] = (None,) * len(panel.labels)
    for row in rows:
        if damaged[row.key]:
            empty = FactorLine(row.key, row.label, row.control, nothing, None, None)
            known[row.key] = replace(known.get(row.key, empty), damaged=damaged[row.key])
    lines = [known[row.key] for row in rows if row.key in known]
    return replace(panel, lines=tuple(sorted(lines, key=lambda line: line.control)))


def _shared(
    factor: Factor, task: Task, aps: Mapping[str, Mapping[int, FactorAp]]
) -> tuple[NDArray[np.bool_], Floats]:
    """Return who has a match in which bin (Q, B) and the edges, which all rows must share."""
    everything = [(key, seed, aps[key][seed]) for key in aps for seed in sorted(aps[key])]
    first_key, _, first = everything[0]
    answered = ~np.isnan(first.ap)
    for key, seed, each in everything:
        same = each.ap.shape == first.ap.shape and np.allclose(each.edges, first.edges)
        if not same or not np.array_equal(~np.isnan(each.ap), answered):
            raise UsageError(
                f"{task.name}: row '{key}' of seed {seed} was measured on other people or bins "
                f"of {factor.title} than row '{first_key}'.",
                "Compare rows of one world: name them by rows=A,B.",
            )
    return answered, first.edges


def _compared(factor: Factor, answered: NDArray[np.bool_]) -> tuple[int, ...]:
    """How many queries the drop rests on: with both bins, or in each of two groups."""
    easy, hard = answered[:, factor.easy], answered[:, factor.hard]
    if factor.by_query:
        return int(easy.sum()), int(hard.sum())
    return (int((easy & hard).sum()),)


def _bin(
    columns: Sequence[Floats], data: str, nodes: str, names: tuple[str | int, ...]
) -> Cell | None:
    """One bin: `columns` hold the AP of every query, per seed."""
    kept = ~np.isnan(columns[0])
    if not kept.any():
        return None
    means = [float(column[kept].mean()) for column in columns]
    alone = columns[0] if len(columns) == 1 and kept.sum() >= _LEAST_QUERIES else None
    summary = summarise(means, alone, rng=numpy_generator(0, *names))
    std, low, high = (
        None if np.isnan(value) else value for value in (summary.std, summary.low, summary.high)
    )
    return Cell(summary.mean, std, low, high, summary.n, nodes, data)


def _drop(
    factor: Factor, values: Sequence[Floats], names: tuple[str | int, ...]
) -> Interval | None:
    """Easy minus hard bin of (Q, B) values, per seed: APs, or differences of APs."""
    if min(_compared(factor, ~np.isnan(values[0]))) < _LEAST_QUERIES:
        return None
    easy = [each[:, factor.easy] for each in values]
    hard = [each[:, factor.hard] for each in values]
    compare = group_difference if factor.by_query else paired_difference
    return compare(easy, hard, numpy_generator(0, *names))


def _change(
    factor: Factor,
    own: Mapping[int, FactorAp],
    reference: Mapping[int, FactorAp],
    names: tuple[str, ...],
) -> Interval | None:
    """The drop of a row minus the reference's drop, on the same seeds and queries."""
    seeds = sorted(own.keys() & reference.keys())
    if not seeds:
        return None
    differences = [own[seed].ap - reference[seed].ap for seed in seeds]
    return _drop(factor, differences, (*names, "change"))
