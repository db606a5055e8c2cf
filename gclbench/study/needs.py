"""What stage runs need from outside, asked for when a plan is made and before anything runs.

A check raises the error that the stage itself would raise, only earlier. What the stages read is
in `stage_needs`, where a check is added; here are the surroundings, and what becomes of faults.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gclbench.content import Content
from gclbench.devices import check_device
from gclbench.errors import (
    DataMissingError,
    GclbenchError,
    ManyFaultsError,
    MissingExtraError,
    UsageError,
)
from gclbench.plan import Cell, Node
from gclbench.schema import Study
from gclbench.study.reports import check_report
from gclbench.study.stage_needs import Augmentations, Check, stage_checks
from gclbench.tracking.place import STORE_FILE, check_writable, store_url

_PLAIN = (DataMissingError, MissingExtraError, UsageError)


@dataclass(frozen=True)
class Outside:
    """Where stage runs would run: results folder, URL of the store, device, more observers."""

    home: Path
    store: str
    device: str = "auto"
    observers: tuple[str, ...] = ()


def check_needs(
    nodes: Sequence[Node],
    outside: Outside,
    augmentations: Augmentations,
    more: Iterable[Check] = (),
) -> None:
    """Ask for everything that `nodes`, stage runs still to be run, need from outside.

    `more` are checks that hold whether anything is to be run or not. Nothing is written. Raises
    UsageError, DataMissingError or MissingExtraError with its remedy; several faults are told
    together, as a ManyFaultsError.
    """
    checks = [*more, *(_checks(nodes, outside, augmentations) if nodes else ())]
    found = [fault for check in checks if (fault := _fault(check)) is not None]
    faults = list({str(fault): fault for fault in found}.values())
    if len(faults) > 1:
        raise ManyFaultsError(faults)
    if faults:
        raise faults[0]


def report_checks(
    content: Content, studies: Iterable[Study], cells: Sequence[Cell]
) -> Iterator[Check]:
    """What the reports of studies are made with: layouts, published numbers, own templates."""
    for study in studies:
        yield partial(check_report, content, study, cells)
    *own, _ = content.folders
    if any((folder / "reports" / "templates").is_dir() for folder in own):
        from gclbench.reporting.render import check_templates

        yield partial(check_templates, content.folders)


def _checks(
    nodes: Sequence[Node], outside: Outside, augmentations: Augmentations
) -> Iterator[Check]:
    yield partial(check_device, outside.device)
    yield partial(_home, outside.home)
    yield partial(_store, outside.store, outside.home)
    for url in outside.observers:
        yield partial(_observer, url)
    yield from stage_checks(nodes, outside.home / "cache", augmentations)


def _fault(check: Check) -> GclbenchError | None:
    """The error of a check; what is there but of no use counts as missing."""
    try:
        check()
    except _PLAIN as error:
        return error
    except GclbenchError as error:
        return DataMissingError(error.message, error.remedy)
    return None


def _home(home: Path) -> None:
    check_writable(home, f"the results folder {home}", "Name another: home=DIR.")


def _store(url: str, home: Path) -> None:
    if url == store_url(home) and not os.path.lexists(home.resolve() / STORE_FILE):
        return  # it will be made in the results folder: see `_home`
    from gclbench.tracking.engines import sqlite_file
    from gclbench.tracking.store import RunStore

    path = sqlite_file(url)
    there = path is None or os.path.lexists(path)
    if there:
        RunStore(url).close()
    if path is not None and (there or home.resolve() not in path.parents):  # else see `_home`
        check_writable(path, f"the store {path}", "Name another: store=URL.")


def _observer(url: str) -> None:
    from gclbench.tracking.observer import check_observer

    check_observer(url)
