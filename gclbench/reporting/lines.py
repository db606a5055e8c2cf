"""Line plots as data: what is drawn, decided before any ink."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gclbench.reporting.damaged import DAMAGED, Damaged, names_of
from gclbench.reporting.table import Cell
from gclbench.reporting.untrained import Untrained, untrained_names
from gclbench.schema import Layout, Plot, Row
from gclbench.schema.layout import CURVES, EPOCH
from gclbench.stats import summarise

_UNITS = {"N": "clusters N"}

Epochs = Sequence[Mapping[str, float]]
Curves = Mapping[tuple[str, str], Mapping[int, Epochs]]


@dataclass(frozen=True)
class Line:
    """One line: y over x, with a 95 % interval where there are several seeds (else empty)."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True)
class LinePanel:
    """A pair of axes; `stated` is the value that the paper chooses, None for none."""

    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    stated: float | None = None


@dataclass(frozen=True)
class FigureData:
    """Panels by row and column of the figure; `note` says what the lines do not.

    `without` names the results that are left out because their numbers cannot be; `mark`
    stands in a corner (`ink.mark_of`).
    """

    report: str
    note: str
    panels: tuple[tuple[LinePanel, ...], ...]
    without: str = ""
    mark: str = ""


def build_figure(
    layout: Layout,
    rows: Sequence[Row],
    tasks: Mapping[str, str],
    scores: Mapping[tuple[str, str, str], Cell],
    curves: Curves,
    damaged: Sequence[Damaged] = (),
    untrained: Sequence[Untrained] = (),
) -> FigureData | None:
    """Return the plots of a layout; None where it has none or nothing of them is measured.

    `tasks` maps task names to what they are called in the plot; `scores` is that of the table;
    `curves` maps (row, task) and seed to the metrics of each epoch (`epochs.json`). Points that
    are not measured are left out; so are those of `damaged` nodes and `untrained` cells, which are
    named.
    """
    panels = []
    for plot in layout.plots:
        across = [
            LinePanel(
                x_label=plot.label,
                y_label=_UNITS.get(metric, f"{metric} (%)"),
                lines=tuple(
                    _over_epochs(metric, rows, tasks, curves)
                    if plot.axis == EPOCH
                    else _over_values(plot, metric, rows, tasks, scores)
                ),
                stated=plot.stated,
            )
            for metric in plot.metrics
        ]
        panels.append(tuple(panel for panel in across if panel.lines))
    drawn = tuple(row for row in panels if row)
    if not drawn:
        return None
    labels = {row.key: row.label for row in rows}
    names = names_of(damaged, labels, tasks)
    left_out = [f"Left out as {DAMAGED}: {names}."] if names else []
    left_out += [f"Left out: {text}." for text in untrained_names(untrained, labels, tasks)]
    without = " ".join(left_out)
    return FigureData(layout.report, _note(tasks, drawn), drawn, without)


def _note(tasks: Mapping[str, str], panels: Sequence[Sequence[LinePanel]]) -> str:
    """The data, where no line's label names it, and what a band is."""
    parts = list(tasks.values()) if len(tasks) == 1 else []
    if any(line.low for row in panels for panel in row for line in panel.lines):
        parts.append("bands: 95 % interval over seeds")
    return "; ".join(parts)


def _over_values(
    plot: Plot,
    metric: str,
    rows: Sequence[Row],
    tasks: Mapping[str, str],
    scores: Mapping[tuple[str, str, str], Cell],
) -> Iterable[Line]:
    for task, label in tasks.items():
        points = sorted(
            (float(row.at[plot.axis]), cell)
            for row in rows
            if plot.axis in row.at
            and (cell := scores.get((row.key, task, metric))) is not None
            and not math.isnan(cell.mean)
        )
        if points:
            cells = [cell for _, cell in points]
            # With one seed the table's interval is over queries: not what a band would say here.
            banded = all(c.n_seeds > 1 and c.low is not None for c in cells)
            yield Line(
                label,
                tuple(x for x, _ in points),
                tuple(cell.mean for cell in cells),
                tuple(float(c.low or 0.0) for c in cells) if banded else (),
                tuple(float(c.high or 0.0) for c in cells) if banded else (),
            )


def _over_epochs(
    metric: str, rows: Sequence[Row], tasks: Mapping[str, str], curves: Curves
) -> Iterable[Line]:
    name, factor = CURVES[metric]
    for row in rows:
        for task, label in tasks.items():
            seeds = curves.get((row.key, task), {})
            runs = [{e["epoch"]: factor * e[name] for e in seeds[s] if name in e} for s in seeds]
            shared = sorted(set.intersection(*map(set, runs))) if runs else []
            if shared:
                yield _curve(
                    row.label if len(tasks) == 1 else f"{row.label}, {label}", shared, runs
                )


def _curve(label: str, epochs: Sequence[float], runs: Sequence[Mapping[float, float]]) -> Line:
    values = [np.array([run[epoch] for run in runs]) for epoch in epochs]
    summaries = [summarise(value) for value in values]
    banded = len(runs) > 1
    return Line(
        label,
        tuple(epochs),
        tuple(summary.mean for summary in summaries),
        tuple(summary.low for summary in summaries) if banded else (),
        tuple(summary.high for summary in summaries) if banded else (),
    )
