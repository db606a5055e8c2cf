"""`gclbench show run [ID]`: a run of the store, with its trace if it failed; or the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gclbench.cli.arguments import read_words
from gclbench.errors import DataMissingError, UnknownNameError, UsageError
from gclbench.words.verbs import ShowWords

if TYPE_CHECKING:
    from gclbench.tracking import TrackedRun

LAST = 20
_LEAST = 4  # signs of a shortened id


def last_runs(words: Sequence[str]) -> list[dict[str, Any]]:
    """The last runs of a results folder, the newest first. Raises DataMissingError without any."""
    return [_short(run) for run in reversed(_runs(words)[-LAST:])]


def describe(run_id: str, words: Sequence[str]) -> dict[str, Any]:
    """What is known of one run; its id, or its node's key, may be shortened.

    Of a node's several runs it is the last one. Raises UsageError for an id that is too short or
    begins those of several nodes, UnknownNameError for one of no run.
    """
    runs = _runs(words)
    found = [run for run in runs if run.id.startswith(run_id) or run.node_key.startswith(run_id)]
    if len(run_id) < _LEAST:
        raise UsageError(f"'{run_id}' is too short for a run.", f"Give {_LEAST} signs or more.")
    if not found:
        raise UnknownNameError("run", run_id, [run.id for run in runs[-LAST:]])
    if len({run.node_key for run in found}) > 1:
        names = ", ".join(run.id for run in found)
        raise UsageError(f"'{run_id}' begins the ids of {len(found)} runs: {names}.", "Say more.")
    run = found[-1]
    return {
        **_short(run),
        "node": run.node_key,
        "stopped": run.stopped,
        "seconds": run.seconds,
        "host": run.host.get("hostname", ""),
        "device": run.device,
        "attempt": run.attempt,
        "result": run.result,
        "settings": run.config.get("settings", {}),
        "output": run.output or "",
        "error": run.error or "",
    }


def lines(described: Mapping[str, Any]) -> list[str]:
    """For a reader: facts, what was measured, settings; at the end the trace."""
    from gclbench.cli.settings import shown
    from gclbench.schema.dotted import flatten

    facts = {
        name: value
        for name, value in described.items()
        if name not in ("result", "settings", "output", "error") and value not in (None, "")
    }
    found = [f"{name}: {value}" for name, value in facts.items()]
    for name in ("result", "settings"):
        inside = flatten(described[name])
        found += [f"{name}:", *(f"  {key}: {shown(value)}" for key, value in inside.items())]
    for name in ("output", "error"):
        if text := described[name].rstrip():
            found += [f"{name}:", *(f"  {line}" for line in text.splitlines())]
    return found


def table(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each run: id, status, start, and what it was."""
    return [
        f"{run['run']:<25}  {run['status']:<11}  {run['started'][:16]}  {run['label']}"
        for run in runs
    ]


def _runs(words: Sequence[str]) -> list[TrackedRun]:
    from gclbench.tracking import Reader, known_store

    given = read_words(ShowWords, words)
    store = known_store(given.home, given.store)
    runs = [] if store is None else Reader(store).runs()
    if store is not None:
        store.close()
    if not runs:
        raise DataMissingError(f"no run is recorded in {given.home}.", "Name another by home=DIR.")
    return runs


def _short(run: TrackedRun) -> dict[str, Any]:
    return {
        "run": run.id,
        "status": run.status.value,
        "label": run.label,
        "stage": run.stage,
        "seed": run.seed,
        "started": run.started,
    }
