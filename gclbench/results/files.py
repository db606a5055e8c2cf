"""Tables and plots as files, each moved into place whole.

A run's report has a folder of its own for each question that was asked, so that a part of a study,
other settings or other data never overwrite what another question found.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gclbench.digest import digest
from gclbench.reporting import TableData
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
    beside, fresh = folder.with_name(LATEST), folder.with_name(f".{LATEST}.{os.getpid()}")
    try:
        fresh.symlink_to(folder.name, target_is_directory=True)
        fresh.replace(beside)
    except OSError:
        fresh.unlink(missing_ok=True)
        put_in_place(folder.with_name(f"{LATEST}.txt"), f"{folder.name}\n".encode())


def write_report(
    found: Measured, study: Study, tables: Sequence[TableData], formats: Sequence[str], out: Path
) -> list[Path]:
    """Write a study's tables and plots into `out` in the formats named; return the paths."""
    from gclbench.reporting.ink import FORMATS

    texts = [name for name in formats if name not in FORMATS]
    written = write_tables(tables, texts, out, found.opened.content.folders)
    wanted = [name for name in formats if name in FORMATS]
    figure = figure_of(found, study) if wanted else None
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


