"""Cells of which a stage took no step: shown with a mark, part of nothing, and why.

Their numbers are those of another encoder than the row's. Where only some epochs took no step the
number stands, and a note says how many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from gclbench.reporting.table import Entry, number
from gclbench.schema.record import Idle
from gclbench.schema.study import STAGE_TITLES

MARK = "†"
_TITLES = {stage.value: title for stage, title in STAGE_TITLES.items()}
_LEFT = {
    "gan": "G and D are as they were drawn",
    "joint": "this is the encoder of stage 1",
}


@dataclass(frozen=True)
class Untrained:
    """One cell with its idle stages; `metrics` in percent, for those that took no step at all."""

    row: str
    task: str
    seed: int
    idle: tuple[Idle, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        return any(stage.untrained for stage in self.idle)


def reason(stage: Idle) -> str:
    """`stage 3 took no step (none of 96 samples was clustered)`, or how many epochs took none."""
    name = _TITLES.get(stage.stage, stage.stage)
    if stage.untrained:
        return f"{name} took no step ({stage.why})"
    return f"{stage.without_step} of {stage.epochs} epochs of {name} took no step ({stage.why})"


def reasons(idle: Sequence[Idle]) -> str:
    """Why a cell's number is not the row's: its stages that took no step at all."""
    whole = [stage for stage in idle if stage.untrained]
    last = _LEFT.get(whole[-1].stage, "the encoder is the one it was given") if whole else ""
    return "; ".join([*map(reason, whole), last] if whole else [])


def entries_of(untrained: Sequence[Untrained]) -> dict[tuple[str, str, str], Entry]:
    """What stands in a table where a pair has no other seeds: its number, marked, and the reason.

    By (row key, task name, metric); a mean where there are several seeds.
    """
    found: dict[tuple[str, str, str], list[Untrained]] = {}
    for each in untrained:
        for metric in each.metrics if each.whole else ():
            found.setdefault((each.row, each.task, metric), []).append(each)
    return {key: _entry(key[2], cells) for key, cells in found.items()}


def _entry(metric: str, cells: Sequence[Untrained]) -> Entry:
    mean = sum(each.metrics[metric] for each in cells) / len(cells)
    why = "; ".join(dict.fromkeys(reasons(each.idle) for each in cells))
    return Entry(f"{number(mean, metric)} {MARK}", untrained=why)


def untrained_notes(
    untrained: Sequence[Untrained],
    rows: Mapping[str, str],
    tasks: Mapping[str, str],
    sound: Set[tuple[str, str]],
) -> list[str]:
    """Return footnotes; `rows` and `tasks` are labels, `sound` the (row, task) with a number."""
    shown = [each for each in untrained if each.row in rows and each.task in tasks]
    lost = [each for each in shown if each.whole and (each.row, each.task) not in sound]
    left_out = [each for each in shown if each.whole and (each.row, each.task) in sound]
    notes = [
        f"{MARK} Part of nothing: {names}: {why}."
        for why, names in _by_reason(lost, rows, tasks).items()
    ]
    notes += [
        f"Left out, other seeds are used: {names}: {why}."
        for why, names in _by_reason(left_out, rows, tasks).items()
    ]
    partly = [each for each in shown if not each.whole]
    notes += [f"{names}: {why}." for why, names in _by_reason(partly, rows, tasks).items()]
    return notes


def untrained_names(
    untrained: Sequence[Untrained], rows: Mapping[str, str], tasks: Mapping[str, str]
) -> list[str]:
    """The cells that took no step at all, with their reason; one text for each reason."""
    shown = [each for each in untrained if each.whole and each.row in rows and each.task in tasks]
    return [f"{names}: {why}" for why, names in _by_reason(shown, rows, tasks).items()]


def _by_reason(
    untrained: Sequence[Untrained], rows: Mapping[str, str], tasks: Mapping[str, str]
) -> dict[str, str]:
    """Reason -> the cells that it is the reason of, by row, task and seed."""
    found: dict[str, list[str]] = {}
    for each in untrained:
        why = reasons(each.idle) if each.whole else "; ".join(map(reason, each.idle))
        found.setdefault(why, []).append(f"{rows[each.row]}, {tasks[each.task]}, seed {each.seed}")
    return {why: "; ".join(names) for why, names in found.items()}
