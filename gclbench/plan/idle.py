"""Which stages behind an artifact took no step in some of their epochs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gclbench.errors import GclbenchError
from gclbench.plan.store import ArtifactStore
from gclbench.schema import NodeRecord
from gclbench.schema.record import EPOCHS_FILE, IDLE_FILE, NO_BATCH, Idle
from gclbench.schema.warmups import WarmupSettings

_METHODS = {"jvtc", *WarmupSettings.model_fields}  # a section is named after its method
_UNREADABLE = (AttributeError, OSError, TypeError, ValueError)


def idle_of(store: ArtifactStore, record: NodeRecord) -> tuple[Idle, ...]:
    """Return the stages, that of `record` last, of which epochs took no step.

    Where the record does not know, because it is older, the epochs of the stages that are there
    are looked at: one that has no loss took no step. (Methods of a user's own may call it
    otherwise: nothing is said of them.)
    """
    if record.idle is not None:
        return record.idle
    own = _of_epochs(record, store.folder(record.stage, record.key))
    return (*idle_before(store, record.parents), *own)


def idle_before(store: ArtifactStore, parents: Mapping[str, str]) -> tuple[Idle, ...]:
    """Return those of the artifacts with these keys by their stage's name, each stage once."""
    found: list[Idle] = []
    for stage, key in parents.items():
        with suppress(GclbenchError):  # cleaned up, or damaged: it has nothing to say
            found += idle_of(store, store.record(stage, key))
    return tuple(dict.fromkeys(found))


def idle_in(folder: Path) -> tuple[Idle, ...]:
    """Return what a stage has written of itself into its folder."""
    with suppress(*_UNREADABLE):
        return (Idle.model_validate_json((folder / IDLE_FILE).read_bytes()),)
    return ()


def _of_epochs(record: NodeRecord, folder: Path) -> tuple[Idle, ...]:
    methods = [name for name in record.components if name.startswith("warmups/")]
    if any(name.partition("/")[2] not in _METHODS for name in methods):
        return ()
    with suppress(*_UNREADABLE):
        epochs = json.loads((folder / EPOCHS_FILE).read_bytes())
        without = sum(epoch.get("loss") is None for epoch in epochs)
        if without:
            return (
                Idle(stage=record.stage, epochs=len(epochs), without_step=without, why=NO_BATCH),
            )
    return ()
