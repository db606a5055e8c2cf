"""`gclbench.runs`: every tracked run of a results folder as a frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gclbench.errors import DataMissingError
from gclbench.words.groups import results_folder

if TYPE_CHECKING:
    import pandas as pd

    from gclbench.tracking import TrackedRun

COLUMNS = (
    *("id", "node", "stage", "label", "seed", "status", "started", "stopped", "seconds"),
    *("device", "cpu_model", "instruction_set", "threads", "host", "engine", "attempt"),
    *("peak_memory_mb", "version", "error"),
)


def runs(home: str | Path | None = None, store: str | None = None) -> pd.DataFrame:
    """Return a row per recorded run, oldest first; what a run measured follows in columns.

    `started` and `stopped` are times in UTC; `home` is the results folder (default: $GCLBENCH_HOME
    or results/), `store` its database where that lies elsewhere. Raises DataMissingError where
    nothing was recorded.
    """
    import pandas as pd

    from gclbench.tracking import Reader, known_store

    place = results_folder(home)
    opened = known_store(place, store)
    if opened is None:
        raise DataMissingError(f"no run is recorded in {place}.", "Run a study first.")
    try:
        found = Reader(opened).runs()
    finally:
        opened.close()
    metrics = list(dict.fromkeys(name for run in found for name in run.result))
    lines = [{**_facts(run), **run.result} for run in found]
    frame = pd.DataFrame(lines, columns=[*COLUMNS, *metrics])
    for name in ("started", "stopped"):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame


def _facts(run: TrackedRun) -> dict[str, Any]:
    known = {name: getattr(run, name) for name in COLUMNS if hasattr(run, name)}
    return {
        **known,
        "node": run.node_key,
        "status": run.status.value,
        "host": run.host.get("hostname", ""),
        "version": run.versions.get("gclbench", ""),
    }
