"""What a results folder holds of a study under other words, for errors that find nothing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gclbench.errors import GclbenchError
from gclbench.plan import ArtifactStore
from gclbench.schema import Stage
from gclbench.schema.overrides import write_overrides

_MOST = 5


def measured_so_far(home: Path, store: str | None, studies: Sequence[str]) -> str:
    """Say with which profiles and settings cells are finished: `There are: ...`; or nothing.

    `studies` are those asked for, none means all. A store that cannot be read has nothing to say.
    """
    with suppress(GclbenchError):
        lines = _lines(home, store, studies)
        if lines:
            more = f"; {len(lines) - _MOST} more" if len(lines) > _MOST else ""
            return f" There are: {'; '.join(lines[:_MOST])}{more}."
    return ""


def _lines(home: Path, chosen: str | None, studies: Sequence[str]) -> list[str]:
    from gclbench.tracking import known_store

    store, artifacts = known_store(home, chosen), ArtifactStore(home)
    if store is None:
        return []
    lines = []
    for each in store.studies():
        if studies and each.study not in studies:
            continue
        cells = store.requests(each.study, each.profile, each.overrides)
        done = [cell for cell in cells if artifacts.there(Stage.EVALUATE.value, cell.node_key)]
        if done:
            words = [f"profile={each.profile}", *map(shlex.quote, write_overrides(each.overrides))]
            seeds = ",".join(map(str, sorted({cell.seed for cell in done})))
            rows = len({cell.row for cell in done})
            name = "" if len(studies) == 1 else f"{each.study} "
            lines.append(f"{name}{' '.join(words)} ({rows} rows, seeds {seeds})")
    return lines
