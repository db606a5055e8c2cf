"""What is known of a finished node, and one published number."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field

from gclbench.schema.model import Model


class RunStatus(StrEnum):
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"


class Conditions(Model):
    """On what a node ran. Nothing of it enters a key; empty or None means 'not recorded'.

    `instruction_set` is a short word such as avx512 (`gclbench.tracking.machine`), `device` "cpu"
    or the name of the GPU, `engine` the executor; `attempt` counts the runs of the node in its
    store, from 1. `git` is the state of gclbench's checkout (commit, dirty); `packages` maps the
    distributions that bring components of the user's to version, commit and dirty.
    """

    cpu_model: str = ""
    instruction_set: str = ""
    threads: int | None = None
    device: str = ""
    host: str = ""
    engine: str = ""
    attempt: int | None = None
    git: dict[str, str] = Field(default_factory=dict)
    packages: dict[str, dict[str, str]] = Field(default_factory=dict)


# What stage 3 keeps of each epoch: read back for plots.
EPOCHS_FILE = "epochs.json"
# In the artifact of a stage of which an epoch took no step: an `Idle`.
IDLE_FILE = "idle.json"
# Why, where nothing more is known.
NO_BATCH = "no batch could be made"


class Idle(Model):
    """A stage that took no step in `without_step` of its `epochs`, and `why`.

    A step is one that moves what the stage is there to train: E_id, in stage 2 G.
    """

    model_config = ConfigDict(extra="ignore")

    stage: str
    epochs: int
    without_step: int
    why: str

    @property
    def untrained(self) -> bool:
        """Whether it took no step at all: it leaves what it was given."""
        return self.without_step >= self.epochs


class NodeRecord(Conditions):
    """The manifest of an artifact: identity, final metrics, files with their SHA-256.

    `components` maps "kind/name" to the revision that was at work; `seconds`, `cpu_seconds` (of
    all threads) and `peak_memory_mb` (of main memory) are those of the run that finished; `images`
    counts what the stage goes through (`study.amounts`). `idle` names the stages, this one and
    those before it, of which epochs took no step. None: not recorded. A manifest of a newer
    program reads too: what this one does not know is left out.
    """

    model_config = ConfigDict(extra="ignore")

    key: str
    stage: str
    seed: int
    label: str
    settings: dict[str, Any]
    parents: dict[str, str] = Field(default_factory=dict)
    datasets: dict[str, str] = Field(default_factory=dict)
    components: dict[str, int] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float | None = None
    images: int | None = None
    idle: tuple[Idle, ...] | None = None
    peak_memory_mb: float | None = None
    files: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)


class PublishedNumber(Model):
    """A number as the paper prints it; `value` is None where it prints '-'."""

    table: str
    row_key: str
    setting: str
    dataset: str
    metric: str
    value: float | None
    printed: str
    columns: dict[str, str] = Field(default_factory=dict)
