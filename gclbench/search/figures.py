"""The data of a search's plots, without ink: pure functions of `Results`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gclbench.search.results import Results, TrialRow


@dataclass(frozen=True)
class History:
    """Validation mAP by trial number, the best so far, and the numbers of pruned trials.

    `pruned` holds (number, last mAP that the trial reported).
    """

    points: tuple[tuple[int, float], ...]
    best: tuple[tuple[int, float], ...]
    pruned: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Axis:
    """A parameter's axis. `ticks` name the places 0, 1, ... of a parameter with choices."""

    name: str
    log: bool = False
    ticks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slice:
    """Validation and test mAP against one parameter; `test` is NaN where it is not known."""

    axis: Axis
    x: tuple[float, ...]
    mAP: tuple[float, ...]
    test: tuple[float, ...]


@dataclass(frozen=True)
class Contour:
    """Validation mAP over two parameters."""

    across: Axis
    up: Axis
    x: tuple[float, ...]
    y: tuple[float, ...]
    mAP: tuple[float, ...]


@dataclass(frozen=True)
class Front:
    """Validation mAP against training time in seconds, and which points are not dominated."""

    seconds: tuple[float, ...]
    mAP: tuple[float, ...]
    on_front: tuple[bool, ...]


def history(results: Results) -> History:
    """Order trials by number; best so far never falls."""
    points, best, top = [], [], -math.inf
    for row in results.complete:
        top = max(top, row.values["mAP"])
        points.append((row.number, row.values["mAP"]))
        best.append((row.number, top))
    pruned = [
        (row.number, list(row.reported.values())[-1])
        for row in results.trials
        if row.state == "PRUNED" and row.reported
    ]
    return History(tuple(points), tuple(best), tuple(pruned))


def slices(results: Results) -> list[Slice]:
    """One slice for each parameter, points from left to right."""
    return [_slice(results, name) for name in results.parameters]


def _slice(results: Results, name: str) -> Slice:
    axis, places = _axis(results, name)
    points = sorted(
        (place, row.values["mAP"], _or_nan(row.test_mAP))
        for place, row in zip(places, results.complete, strict=True)
    )
    x, scores, test = zip(*points, strict=True) if points else ((), (), ())
    return Slice(axis, x, scores, test)


def contours(results: Results) -> list[Contour]:
    """One contour for each pair of parameters; none with a single one."""
    names, rows = results.parameters, results.complete
    made = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            across, x = _axis(results, first)
            up, y = _axis(results, second)
            scores = tuple(row.values["mAP"] for row in rows)
            made.append(Contour(across, up, tuple(x), tuple(y), scores))
    return made


def front(results: Results) -> Front | None:
    """The two objectives of a search that has two, else None."""
    if len(results.objectives) < 2:
        return None
    rows = results.complete
    best = {row.number for row in results.best}
    return Front(
        tuple(row.values["seconds"] for row in rows),
        tuple(row.values["mAP"] for row in rows),
        tuple(row.number in best for row in rows),
    )


def _axis(results: Results, name: str) -> tuple[Axis, list[float]]:
    """A parameter's axis, and where on it each complete trial stands."""
    values = [row.params[name] for row in results.complete]
    if all(_is_number(value) for value in values):
        return Axis(name, name in results.log), [float(value) for value in values]
    words = sorted({str(value) for value in values})
    return Axis(name, ticks=tuple(words)), [float(words.index(str(value))) for value in values]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def last_word(name: str) -> str:
    """`joint.pseudo_labels.eps` is `eps` on an axis."""
    return name.rsplit(".", 1)[-1]


def text_of(row: TrialRow) -> str:
    """A trial's values in a few words: `eps 0.4563, temperature 0.04`."""
    return ", ".join(f"{last_word(name)} {shown(value)}" for name, value in row.params.items())


def shown(value: Any) -> str:
    """A parameter's value with four digits at most."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
