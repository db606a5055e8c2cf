"""What is known of a finished node, and one published number."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from gclbench.schema.model import Model


class RunStatus(StrEnum):
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"


class NodeRecord(Model):
    """The manifest of an artifact: identity, final metrics, files with their SHA-256.

    `components` maps "kind/name" to the revision that was at work.
    """

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
