"""A node: one stage of one cell, identified by its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gclbench.digest import digest
from gclbench.schema import Conditions, NodeRecord, Settings, Stage
from gclbench.schema.record import Idle
from gclbench.schema.settings import DataSettings


@dataclass(frozen=True, eq=False)
class Node:
    """What a stage is handed. Two nodes are equal when their keys are.

    `settings` holds exactly the sections that the stage reads, as plain data; `parents` maps a
    stage name to the key of its node; `roles` maps "target", "source" or "pretrain" to a dataset's
    role and `fingerprints` the same words to what the data's bytes are; `components` maps
    "kind/name" to a revision. All of these and the seed make the key. `places` (data roots, mesh
    root, renderer, world sizes, weight file) says where data is found: it reaches the stage, but
    never the key, because the fingerprints already stand for it.
    """

    stage: Stage
    key: str
    seed: int
    label: str
    settings: dict[str, Any]
    parents: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    components: dict[str, int] = field(default_factory=dict)
    places: dict[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def resolved(self) -> Settings:
        """Return Settings with what this stage reads; other sections keep their defaults.

        A stage can thus not depend, unseen, on a setting that is missing from its key.
        """
        return Settings.model_validate(_merge(self.settings, self.places))

    def data(self) -> dict[str, tuple[str, DataSettings]]:
        """Return by "target" and "source" the role and the data settings it is loaded with.

        Identities are held out of the target alone, and never from the test set. Pre-training has
        a set of its own, which is not among them.
        """
        settings = self.resolved()
        held_out = settings.evaluate.split == "validation" or self.stage is not Stage.EVALUATE
        whole = settings.data.model_copy(update={"validation_share": 0.0})
        return {
            name: (role, settings.data if name == "target" and held_out else whole)
            for name, role in self.roles.items()
            if name != "pretrain"
        }

    def record(
        self,
        *,
        metrics: Mapping[str, float] | None = None,
        seconds: float = 0.0,
        cpu_seconds: float | None = None,
        images: int | None = None,
        idle: tuple[Idle, ...] | None = None,
        versions: Mapping[str, str] | None = None,
        conditions: Conditions | None = None,
        peak_memory_mb: float | None = None,
    ) -> NodeRecord:
        """Return the record of this node, without files: the artifact store adds their digests."""
        return NodeRecord(
            key=self.key,
            stage=self.stage.value,
            seed=self.seed,
            label=self.label,
            settings=self.settings,
            parents=self.parents,
            datasets=self.fingerprints,
            components=self.components,
            metrics=dict(metrics or {}),
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            images=images,
            idle=idle,
            versions=dict(versions or {}),
            peak_memory_mb=peak_memory_mb,
            **(conditions or Conditions()).model_dump(),
        )


def node_key(
    stage: Stage,
    seed: int,
    settings: Mapping[str, Any],
    parents: Mapping[str, str],
    fingerprints: Mapping[str, str],
    components: Mapping[str, int],
) -> str:
    """Return the SHA-256 identity of a node (64 hexadecimal characters)."""
    return digest(
        {
            "stage": stage.value,
            "seed": seed,
            "settings": settings,
            "parents": parents,
            "datasets": fingerprints,
            "components": components,
        }
    )


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        inside = merged.get(key)
        if isinstance(inside, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(inside, value)
        else:
            merged[key] = value
    return merged
