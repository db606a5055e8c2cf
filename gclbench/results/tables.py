"""The tables and plots of a study, from its finished cells: the same for `run` and `report`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gclbench.claims import Verdict, check
from gclbench.reporting import (
    TableData,
    build_published_table,
    build_table,
    printed_rows,
    rows_of,
    unprinted,
)
from gclbench.reporting.ink import mark_of
from gclbench.reporting.lines import FigureData, build_figure
from gclbench.reporting.origin import data_heading
from gclbench.reporting.scores import aggregate
from gclbench.reporting.untrained import entries_of, untrained_notes
from gclbench.results.measured import Measured
from gclbench.schema import Criterion, Layout, PublishedNumber, Row, Study, Task
from gclbench.schema.overrides import write_overrides
from gclbench.study.opened import OpenStudy


def tables_of(found: Measured, study: Study) -> list[TableData]:
    """The measured table of a study, then the published one where the paper has it."""
    opened = found.opened
    tasks = opened.tasks_of(study)
    layout = opened.layout(study)
    numbers = _published(opened, layout)
    rows = rows_of(opened.rows_of(study), numbers)
    data = {task.name: opened.data_label(task.name) for task in tasks}
    measured = build_table(
        layout,
        rows,
        tasks,
        aggregate(found.scores(study), layout.metrics, data),
        data_labels=headings(tasks, data),
        seeds=sorted({cell.seed for cell in opened.cells_of(study.study)}),
        profile=opened.question.profile,
        settings=opened.question.overrides,
        damaged=found.damaged(study),
        instead=entries_of(found.idle(study)),
    )
    notes = [*idle_notes(found, study), *settings_given(opened.question.overrides)]
    others = unprinted(rows, numbers)
    if others:
        notes.append(f"Not in the paper's table: {', '.join(others)}.")
    lines = verdicts(found, study)
    if lines:
        heading = "Criteria of this study, on mAP (95 % interval; differences are paired):"
        notes += [heading, *lines]
    measured = replace(measured, footnotes=(*measured.footnotes, *notes))
    paper = printed_rows(rows, numbers, {row.key for row in study.rows})
    published = build_published_table(layout, paper, tasks, numbers)
    return [measured] if published is None else [measured, published]


def idle_notes(found: Measured, study: Study) -> list[str]:
    """What a table says of cells of which epochs took no step."""
    rows = {row.key: row.label for row in found.opened.rows_of(study)}
    tasks = {task.name: task.label for task in found.opened.tasks_of(study)}
    return untrained_notes(found.idle(study), rows, tasks, set(found.scores(study)))


def headings(tasks: Sequence[Task], data: Mapping[str, str]) -> dict[str, str]:
    """Name the data in a column's heading: the target's, for UDA 'source → target'."""
    return {task.name: data_heading(task, data[task.name]) for task in tasks}


def settings_given(overrides: Mapping[str, Any]) -> list[str]:
    """Name what was set for all rows: they then are not what study and profile alone say.

    Left out is `data.root`: headings name the data.
    """
    words = write_overrides({k: v for k, v in overrides.items() if k != "data.root"})
    return [f"Set for every row: {', '.join(words)}."] if words else []


def verdicts(found: Measured, study: Study) -> list[str]:
    """Check the study's criteria; one line for each and, where they are asked apart, each task."""
    scores = found.scores(study)
    return [
        verdict_line(criterion, verdict)
        for criterion in study.criteria
        for verdict in check(criterion, scores)
    ]


def verdict_line(criterion: Criterion, verdict: Verdict) -> str:
    """`holds, supported: name: 12.3 (10.1 to 14.5), asked at least 10; task: mean of 3 seeds`."""
    holds = {True: "holds", False: "fails", None: "unknown"}[verdict.holds]
    text = f"{holds}, {verdict.status}: {criterion.name}"
    if not math.isnan(verdict.value):
        text += f": {verdict.value:.1f}"
        if verdict.low < verdict.high:
            text += f" ({verdict.low:.1f} to {verdict.high:.1f})"
    bounds = (("at least", criterion.at_least), ("at most", criterion.at_most))
    asked = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    return f"{text}, asked {asked}; {verdict.detail}"


def figure_of(found: Measured, study: Study) -> FigureData | None:
    """The plots of a study, from the scores of its table and the epochs of stage 3."""
    opened = found.opened
    tasks = opened.tasks_of(study)
    layout = opened.layout(study)
    data = {task.name: opened.data_label(task.name) for task in tasks}
    metrics = sorted({metric for plot in layout.plots for metric in plot.metrics})
    figure = build_figure(
        layout,
        opened.rows_of(study),
        headings(tasks, data),
        aggregate(found.scores(study), metrics, data),
        found.curves(study),
        [*found.damaged(study), *found.damaged_curves(study)],
        found.idle(study),
    )
    mark = mark_of(opened.question.profile)
    return figure and replace(figure, mark=mark)


def _published(opened: OpenStudy, layout: Layout) -> list[PublishedNumber]:
    return [] if layout.published is None else opened.content.published(layout.published)
