"""Stored results that were changed or cannot be: shown as such, part of nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

DAMAGED = "damaged"
_KEY_DIGITS = 12


@dataclass(frozen=True)
class Damaged:
    """A finished node of a cell that is not what was committed, or whose numbers cannot be.

    `node` is its key, `stage` the name of its stage.
    """

    row: str
    task: str
    seed: int
    node: str
    stage: str = "evaluate"


def keys_of(damaged: Sequence[Damaged], row: str, task: str) -> tuple[str, ...]:
    """Return the keys of what is damaged of a row on a task."""
    return tuple(each.node for each in damaged if (each.row, each.task) == (row, task))


def names_of(damaged: Sequence[Damaged], rows: Mapping[str, str], tasks: Mapping[str, str]) -> str:
    """Name them by row, task, seed and the start of their key; `rows` and `tasks` are labels."""
    return "; ".join(
        f"{rows.get(each.row, each.row)}, {tasks.get(each.task, each.task)}, seed {each.seed} "
        f"({each.stage} {each.node[:_KEY_DIGITS]})"
        for each in damaged
    )


def damage_notes(
    damaged: Sequence[Damaged],
    rows: Mapping[str, str],
    tasks: Mapping[str, str],
    sound: Set[tuple[str, str]],
) -> list[str]:
    """Return footnotes; `sound` holds the (row, task) that have a number from other seeds.

    They name no number: what cannot be is not printed as if it had been measured.
    """
    lost = [each for each in damaged if (each.row, each.task) not in sound]
    partly = [each for each in damaged if (each.row, each.task) in sound]
    notes = []
    if lost:
        names = names_of(lost, rows, tasks)
        notes.append(
            f"'{DAMAGED}': stored results that were changed, or cannot be; part of nothing: "
            f"{names}."
        )
    if partly:
        names = names_of(partly, rows, tasks)
        notes.append(f"Left out as {DAMAGED}, their other seeds are used: {names}.")
    stages = sorted({each.stage for each in damaged})
    if stages:
        folders = " or ".join(f"HOME/artifacts/{stage}/KEY" for stage in stages)
        notes.append(
            f"To replace what is {DAMAGED}, run again: it is set aside and made anew. Where that "
            f"does not help, delete {folders} (each KEY begins as above) first."
        )
    return notes
