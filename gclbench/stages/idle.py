"""Epochs that take no step: counted, said with their reason, and kept in the artifact.

A training may know more than that it made no batch: `why_idle()` says why, `own_steps(batches)`
how many of its batches move what the stage is there for. Both may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from gclbench.schema.record import IDLE_FILE, NO_BATCH, Idle
from gclbench.stages.context import StageContext

STEPS = "steps"


def own_steps(training: Any, batches: Sequence[Any]) -> int:
    """How many of an epoch's batches move what the stage trains; all, unless it says otherwise."""
    counted = getattr(training, "own_steps", None)
    return len(batches) if counted is None else int(counted(batches))


def why_idle(training: Any) -> str:
    """Why the epoch that has just begun takes no step, as a clause."""
    told = getattr(training, "why_idle", None)
    return NO_BATCH if told is None else str(told())


def unclustered(labels: Tensor, wanted: str) -> str:
    """The reason of a batch of clusters: labels (N,), -1 for outliers; what a batch wants."""
    clustered = int((labels >= 0).sum())
    if clustered == 0:
        return f"none of the {len(labels)} samples was clustered"
    clusters = len(labels[labels >= 0].unique())
    return (
        f"{clustered} of {len(labels)} samples lie in {clusters} clusters, a batch wants {wanted}"
    )


def too_few(setting: str, batch_size: int, count: int, what: str) -> str:
    """The reason of a loader that drops its only batch: `count` samples, `what` they are."""
    return f"{setting}={batch_size} is more than the {count} {what}"


class IdleEpochs:
    """The epochs of a training that took no step so far."""

    def __init__(self, history: Sequence[Mapping[str, float]], why: str) -> None:
        self.count = sum(steps_of(epoch) == 0 for epoch in history)
        self.why = why

    def note(self, context: StageContext, epoch: int, why: str) -> None:
        """Count an epoch (from 0); it is said where the reason is a new one."""
        if not self.count or why != self.why:
            context.notice(f"epoch {epoch + 1} takes no step: {why}.")
        self.count, self.why = self.count + 1, why

    def keep(self, context: StageContext, epochs: int) -> None:
        """Say how many there were and leave that in the artifact; nothing without any."""
        if not self.count:
            return
        found = Idle(
            stage=context.stage, epochs=epochs, without_step=self.count, why=self.why or NO_BATCH
        )
        text = f"{self.count} of {epochs} epochs took no step: {found.why}."
        if found.untrained:
            text = f"took no step at all: {found.why}. It leaves what it was given."
        context.notice(text)
        (context.folder / IDLE_FILE).write_text(found.model_dump_json(), encoding="utf-8")


def steps_of(epoch: Mapping[str, float]) -> float:
    """The steps of an epoch of `epochs.json`; without a count, one with a loss has taken some."""
    return epoch.get(STEPS, float("loss" in epoch))
