"""Tables and plots as files, each moved into place whole.

A run's report has a folder of its own for each question that was asked, so that a part of a study,
other settings or other data never overwrite what another question found.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gclbench.atomic import OUT_REMEDY, beside, write_atomically
from gclbench.digest import digest
from gclbench.reporting import TableData
from gclbench.reporting.ink import FORMATS
from gclbench.results.measured import Measured
from gclbench.results.tables import figure_of
from gclbench.schema import Study
from gclbench.schema.overrides import write_overrides
from gclbench.study.opened import OpenStudy

FILES = ("markdown", "latex", "csv", "html", "pdf", "png", "svg")
LATEST = "latest"
_DIGITS = 8


def report_folder(opened: OpenStudy, study: Study) -> Path:
    """Where a run puts the report of a study: HOME/reports/REPORT/PROFILE-KEY.

    The key stands for all that the question says of numbers: study, profile, seeds, rows, tasks
    and settings, those of `data` included.
    """
    question, cells = opened.question, opened.cells_of(study.study)
    asked = {
        "study": study.study,
        "profile": question.profile,
        "cells": [[cell.row.key, cell.task.name, cell.seed] for cell in cells],
        "settings": write_overrides(question.overrides),
    }
    key = digest(asked)[:_DIGITS]
    return question.home / "reports" / str(study.report) / f"{question.profile}-{key}"


def point_latest(folder: Path) -> None:
    """Let `latest` beside a report's folder lead to it: a link, or where there are none a text."""
    link = folder.with_name(LATEST)
    fresh = beside(link)
    try:
        fresh.symlink_to(folder.name, target_is_directory=True)
        fresh.replace(link)
    except OSError:
        fresh.unlink(missing_ok=True)
        write_atomically(folder.with_name(f"{LATEST}.txt"), f"{folder.name}\n".encode())


def write_report(
    found: Measured, study: Study, tables: Sequence[TableData], formats: Sequence[str], out: Path
) -> list[Path]:
    """Write a study's tables and plots into `out` in the formats named; return the paths."""
    texts = [name for name in formats if name not in FORMATS]
    written = write_tables(tables, texts, out, found.opened.content.folders)
    wanted = [name for name in formats if name in FORMATS]
    figure = figure_of(found, study) if wanted else None
    if figure is not None:
        from gclbench.reporting.plots import draw_figure

        for name, data in draw_figure(figure).items():
            if name in wanted:
                path = out / f"{figure.report}.{name}"
                written.append(write_atomically(path, data, remedy=OUT_REMEDY))
    return written


def nothing_of(study: Study, formats: Sequence[str], written: Sequence[Path]) -> str:
    """What to say of formats that were asked for and made no file; '' where each made one."""
    made = {path.suffix[1:] for path in written}
    empty = [name for name in formats if name in FORMATS and name not in made]
    if not empty:
        return ""
    return (
        f"note: format={','.join(empty)} wrote nothing: the report of '{study.study}' has no plot, "
        "or nothing of it is measured."
    )


def write_tables(
    tables: Sequence[TableData], formats: Sequence[str], out: Path, content: Sequence[Path]
) -> list[Path]:
    """Write <report><suffix> per format into `out`, each moved into place whole."""
    from gclbench.reporting.render import SUFFIXES, render

    written: list[Path] = []
    for name in formats:
        path = out / f"{tables[0].report}{SUFFIXES[name]}"
        text = render(name, tables, content).encode()
        written.append(write_atomically(path, text, remedy=OUT_REMEDY))
    return written


