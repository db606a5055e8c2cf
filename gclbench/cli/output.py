"""Results on screen and on disk: the same tables for `run` and `report`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from gclbench.claims import Verdict
    from gclbench.reporting import TableData
    from gclbench.reporting.lines import FigureData
    from gclbench.runtime.session import Session
    from gclbench.schema import Criterion, Layout, PublishedNumber, Study, Task

FILES = ("markdown", "latex", "csv", "html", "pdf", "png", "svg")


def tables_of(session: Session, study: Study) -> list[TableData]:
    """The measured table of a study, then the published one where the paper has it."""
    from gclbench.reporting import (
        build_published_table,
        build_table,
        printed_rows,
        rows_of,
        unprinted,
    )
    from gclbench.reporting.scores import aggregate

    cells = [cell for cell in session.cells if cell.study == study.study]
    tasks = list({cell.task.name: cell.task for cell in cells}.values())
    layout = session.layout(study)
    numbers = _published(session, layout)
    rows = rows_of(list({cell.row.key: cell.row for cell in cells}.values()), numbers)
    data = {task.name: session.data_label(task.name) for task in tasks}
    measured = build_table(
        layout,
        rows,
        tasks,
        aggregate(session.scores(study), layout.metrics, data),
        data_labels=headings(tasks, data),
        seeds=sorted({cell.seed for cell in cells}),
        profile=session.request.profile,
        damaged=session.damaged(study),
    )
    notes = settings_given(session.request.overrides)
    others = unprinted(rows, numbers)
    if others:
        notes.append(f"Not in the paper's table: {', '.join(others)}.")
    lines = verdicts(session, study)
    if lines:
        heading = "Criteria of this study, on mAP (95 % interval; differences are paired):"
        notes += [heading, *lines]
    measured = replace(measured, footnotes=(*measured.footnotes, *notes))
    paper = printed_rows(rows, numbers, {row.key for row in study.rows})
    published = build_published_table(layout, paper, tasks, numbers)
    return [measured] if published is None else [measured, published]


def headings(tasks: Sequence[Task], data: Mapping[str, str]) -> dict[str, str]:
    """Name the data in a column's heading: the target's, for UDA 'source → target'."""
    from gclbench.reporting.origin import data_heading

    return {task.name: data_heading(task, data[task.name]) for task in tasks}


def settings_given(overrides: Mapping[str, Any]) -> list[str]:
    """Name what was set for all rows: they then are not what study and profile alone say.

    Left out is `data.root`: headings name the data.
    """
    words = [
        f"{key}={','.join(map(str, value)) if isinstance(value, list | tuple) else value}"
        for key, value in sorted(overrides.items())
        if key != "data.root"
    ]
    return [f"Set for every row: {', '.join(words)}."] if words else []


def print_tables(console: Console, tables: Sequence[TableData]) -> None:
    """Print tables in the terminal's width; a pipe gets them in full."""
    from gclbench.reporting.render import terminal

    for table in tables:
        text = terminal.render(table, console.width if console.is_terminal else None)
        console.print(text, soft_wrap=True)
        console.print()


def verdicts(session: Session, study: Study) -> list[str]:
    """Check the study's criteria; one line for each and, where they are asked apart, each task."""
    from gclbench.claims import check

    scores = session.scores(study)
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


def write_tables(
    tables: Sequence[TableData], formats: Sequence[str], out: Path, content: Sequence[Path]
) -> list[Path]:
    """Write <report><suffix> per format into `out`, each moved into place whole."""
    from gclbench.reporting.render import SUFFIXES, render

    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name in formats:
        path = out / f"{tables[0].report}{SUFFIXES[name]}"
        written.append(put_in_place(path, render(name, tables, content).encode()))
    return written


def figure_of(session: Session, study: Study) -> FigureData | None:
    """The plots of a study, from the scores of its table and the epochs of stage 3."""
    from gclbench.reporting.lines import build_figure
    from gclbench.reporting.scores import aggregate

    cells = [cell for cell in session.cells if cell.study == study.study]
    tasks = list({cell.task.name: cell.task for cell in cells}.values())
    layout = session.layout(study)
    data = {task.name: session.data_label(task.name) for task in tasks}
    metrics = sorted({metric for plot in layout.plots for metric in plot.metrics})
    return build_figure(
        layout,
        list({cell.row.key: cell.row for cell in cells}.values()),
        headings(tasks, data),
        aggregate(session.scores(study), metrics, data),
        session.curves(study),
        [*session.damaged(study), *session.damaged_curves(study)],
    )


def write_report(
    session: Session, study: Study, tables: Sequence[TableData], formats: Sequence[str], out: Path
) -> list[Path]:
    """Write a study's tables and plots into `out` in the formats named; return the paths."""
    from gclbench.reporting.ink import FORMATS

    texts = [name for name in formats if name not in FORMATS]
    written = write_tables(tables, texts, out, session.content.folders)
    wanted = [name for name in formats if name in FORMATS]
    figure = figure_of(session, study) if wanted else None
    if figure is not None:
        from gclbench.reporting.plots import draw_figure

        for name, data in draw_figure(figure).items():
            if name in wanted:
                written.append(put_in_place(out / f"{figure.report}.{name}", data))
    return written


def put_in_place(path: Path, data: bytes) -> Path:
    """Put a file into place whole."""
    beside = path.with_name(f".{path.name}.partial")
    beside.write_bytes(data)
    beside.replace(path)
    return path


def _published(session: Session, layout: Layout) -> list[PublishedNumber]:
    return [] if layout.published is None else session.content.published(layout.published)
