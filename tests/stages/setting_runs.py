"""Runs of a stage under settings that differ in one, and which settings its key holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from gclbench.plan.graph import stage_settings
from gclbench.plan.unsaid import unsaid_choices, unsaid_settings
from gclbench.registry import REGISTRY
from gclbench.schema import Settings, Stage
from gclbench.schema.dotted import flatten, nest, setting_types

FAST = {
    "data.height_px": 32,
    "data.width_px": 16,
    "pretrain.epochs": 1,
    "source.epochs": 1,
    "gan.batch_size": 8,
    "joint.epochs": 1,
    "joint.batch_size": 8,
    "joint.lr": 0.01,
}
PARENTS = {
    Stage.PRETRAIN: (),
    Stage.SOURCE: ("pretrain",),
    Stage.WARMUP: ("pretrain",),
    Stage.GAN: ("warmup",),
    Stage.JOINT: ("warmup", "gan"),
    Stage.EVALUATE: ("joint",),
}


@dataclass(frozen=True)
class Case:
    """A stage, what its runs begin with, which of its key's sections are tried.

    `only` names the settings that are tried, where others are by another case of the stage.
    """

    stage: Stage
    base: Mapping[str, Any] = field(default_factory=dict)
    generative: bool = False
    sections: tuple[str, ...] = ()
    source: bool = False  # stage 1: after a labelled source, and beside it
    tracklets: bool = False
    only: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return "mars" if self.tracklets else "market1501"


def key_settings(case: Case, flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names and values of what a stage's key says of the settings."""
    settings = Settings.model_validate(nest(flat))
    part = stage_settings(case.stage, settings, case.target, generative=case.generative)
    return flatten(part)


def in_key(case: Case) -> Iterator[str]:
    """Every setting of the case's sections that can move the key, unsaid ones among them."""
    said = key_settings(case, case.base)
    yield from (name for name in said if name.split(".")[0] in case.sections)
    for name, default in (unsaid_choices() | unsaid_settings()).items():
        other = another(name, case.base, default) or "another"
        asked = name.split(".")[0] in case.sections and name not in said
        if asked and key_settings(case, {**case.base, name: other}) != said:
            yield name


def candidates(setting: str, value: Any) -> Iterator[Any]:
    yield from (v for v in get_args(setting_types()[setting]) if isinstance(v, str | int))
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value / 2, 0.5, 2 * value)


def another(setting: str, flat: Mapping[str, Any], value: Any) -> Any:
    """A legal value that is not `value`; None where there is no telling."""
    for other in candidates(setting, value):
        try:
            Settings.model_validate(nest({**flat, setting: other}))
        except ValueError:
            continue
        if other != value:
            return other
    return None


def outside(case: Case, base: Mapping[str, Any]) -> dict[str, Any]:
    """Other values of all settings that leave the case's key as it is.

    Data and components are left out: they enter keys by fingerprints and by revisions.
    """
    key, others = key_settings(case, base), dict[str, Any]()
    for name, value in base.items():
        other = another(name, base, value)
        if other is None or name.startswith("data."):
            continue
        if key_settings(case, {**base, name: other}) == key:
            others[name] = other
    assert key_settings(case, {**base, **others}) == key
    return others


@dataclass
class Runs:
    """Runs of stages over images and over tracklets, each under its settings once."""

    images: Any
    tracklets: Any
    tiny: Any
    known: dict[str, dict[str, str]] = field(default_factory=dict)
    number: Iterator[int] = field(default_factory=count)

    def flat(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {**flatten(self.tiny().model_dump(mode="json")), **FAST, **values}

    def left(self, case: Case, values: Mapping[str, Any]) -> dict[str, str]:
        """What a stage returns, logs and writes: name -> digest."""
        flat = self.flat(values)
        place = f"{case.stage.value} {case.source} {case.tracklets} {sorted(flat.items())}"
        if place not in self.known:
            self.known[place] = self._run(case, Settings.model_validate(nest(flat)))
        return self.known[place]

    def _run(self, case: Case, settings: Settings) -> dict[str, str]:
        bench, stage = self.tracklets if case.tracklets else self.images, case.stage
        bench.logged.clear()
        roles = [stage.value if stage in (Stage.PRETRAIN, Stage.SOURCE) else "target"]
        parents = ("source",) if case.source else PARENTS[stage]
        roles += ["source"] if case.source else []
        context = bench.context(
            stage.value,
            settings,
            parents=bench.parents(*parents),
            datasets=dict.fromkeys(roles, bench.dataset),
            folder=f"run{next(self.number)}",
        )
        metrics = REGISTRY.lookup("stages", stage.value).component(context)
        left = {"metrics": repr(metrics), "logged": repr(bench.logged)}
        for path in sorted(context.folder.glob("*.*")):
            if path.name != "evaluation.json":  # it repeats the settings
                left[path.name] = digest(path)
        return left


def assert_counts(
    runs: Runs, case: Case, setting: str, known: Mapping[str, tuple[Any, Mapping[str, Any]]]
) -> None:
    """Another value of a setting leaves something else; `known` names one, with its own base."""
    other, more = known.get(setting, (None, {}))
    base = {**case.base, **more}
    flat = runs.flat(base)
    if other is None:
        other = another(setting, flat, flat[setting])
    assert other is not None, f"name another value of {setting} in OTHER, or a reason in REASONS"
    assert runs.left(case, base) != runs.left(case, {**base, setting: other}), (
        f"{setting}={other} changes nothing"
    )


def assert_outside_changes_nothing(runs: Runs, case: Case, base: Mapping[str, Any]) -> None:
    """Other values of all that the key does not hold leave the same."""
    flat = runs.flat(base)
    others = outside(case, flat)
    assert len(others) > 50
    assert runs.left(case, flat) == runs.left(case, {**flat, **others})


def digest(path: Path) -> str:
    """Of what a file holds, not of its bytes: archives know the time."""
    if path.suffix == ".pt":
        held = {k: v.numpy() for k, v in torch.load(path, weights_only=True).items()}
    elif path.suffix == ".npz":
        held = dict(np.load(path))
    else:
        return path.read_text(encoding="utf-8")
    whole = hashlib.sha256()
    for name, values in sorted(held.items()):
        whole.update(name.encode() + values.tobytes())
    return whole.hexdigest()
