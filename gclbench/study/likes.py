"""Like stage runs: finished ones of a results folder that had as much to do, but for its amount.

Like is: the same stage, method and sizes. Numbers with a fraction (rates, weights, thresholds) and
a few whole ones that only move results are no sizes. Epochs and images are amounts: seconds grow
with them in proportion.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from gclbench.digest import canonical_json

_NO_SIZES = {"k1", "k2", "min_samples", "negatives", "lr_step_epochs", "lr_decay_epoch"}
_SPELT = ("data", "network")  # sections whose words are sizes too: depth, padding ...
_CPU = ("", "cpu")


@dataclass(frozen=True)
class Work:
    """What a stage run has to do: `sizes` is canonical text, `images` None where not known."""

    stage: str
    method: str
    sizes: str
    epochs: int
    images: int | None

    @property
    def kind(self) -> tuple[str, str, str]:
        return self.stage, self.method, self.sizes


@dataclass(frozen=True)
class PastRun:
    """A finished stage run: seconds of CPU where they were recorded, else of the clock."""

    work: Work
    seconds: float
    megabytes: float
    device: str
    cpu_kind: str


@dataclass(frozen=True)
class Guess:
    """What a stage run takes, and the past runs that say so; without any, a table does."""

    seconds: float
    megabytes: float
    likes: tuple[PastRun, ...] = ()


class PastRuns:
    """The finished stage runs of a results folder on one kind of device."""

    def __init__(self, runs: Iterable[PastRun], *, gpu: bool, cpu_kind: str) -> None:
        self._by_kind: defaultdict[tuple[str, str, str], list[PastRun]] = defaultdict(list)
        for run in runs:
            if (run.device not in _CPU) == gpu and (gpu or run.cpu_kind in ("", cpu_kind)):
                self._by_kind[run.work.kind].append(run)

    def guess(self, work: Work) -> Guess | None:
        """Return the median of the like runs, brought to the same amount; None without any.

        Runs whose kind of CPU was not recorded count where no other is there.
        """
        likes = self._by_kind.get(work.kind, [])
        known = [run for run in likes if run.cpu_kind] or likes
        if not known:
            return None
        return Guess(
            median(run.seconds * _growth(work, run.work) for run in known),
            median(run.megabytes for run in known),
            tuple(known),
        )


def work_of(stage: str, settings: Mapping[str, Any], images: int | None) -> Work:
    """Return what a stage run with these settings (of a node or a record) has to do."""
    method = method_of(stage, settings)
    section = _section(stage, settings)
    epochs = section.get("epochs", 1)
    rest = {name: value for name, value in section.items() if name != "epochs"}
    others = {name: value for name, value in settings.items() if name != stage}
    sizes = {name: _sizes(value, spelt=name in _SPELT) for name, value in others.items()}
    text = canonical_json([sizes, _sizes(rest, spelt=False)]).decode()
    return Work(stage, method, text, int(epochs), images)


def method_of(stage: str, settings: Mapping[str, Any]) -> str:
    """Name what a stage does: kind of pre-training, warm-up, or augmentations joined by '+'."""
    own = settings.get(stage, {})
    if stage == "pretrain":
        return str(own.get("kind", ""))
    if stage == "warmup":
        return _name(own.get("method", ""))
    if stage == "joint":
        return "+".join(_name(each) for each in own.get("augmentations", ()))
    return ""


def past_runs(home: Path, stages: Iterable[str]) -> list[PastRun]:
    """Read the manifests of some stages; one that is damaged has nothing to say."""
    found = []
    for stage in dict.fromkeys(stages):
        for file in sorted((home / "artifacts" / stage).glob("*/manifest.json")):
            run = _past_run(stage, file) if file.parent.name.isalnum() else None
            if run is not None:
                found.append(run)
    return found


def _past_run(stage: str, file: Path) -> PastRun | None:
    try:
        record = json.loads(file.read_bytes())
        seconds = record.get("cpu_seconds") or record["seconds"]
        on_cpu = record.get("device", "") in _CPU
        return PastRun(
            work_of(stage, record["settings"], record.get("images")),
            float(seconds if on_cpu else record["seconds"]),
            sum(path.stat().st_size for path in file.parent.rglob("*") if path.is_file()) / 1e6,
            record.get("device", ""),
            record.get("instruction_set", ""),
        )
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError):
        return None


def _growth(work: Work, past: Work) -> float:
    """How much more there is to do than there was."""
    images = work.images / past.images if work.images and past.images else 1.0
    return images * work.epochs / max(past.epochs, 1)


def _section(stage: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a stage reads of its own: a method may have a section inside the stage's."""
    own: Mapping[str, Any] = settings.get(stage, {})
    inner = own.get(_name(own.get("method", "")))
    return inner if isinstance(inner, Mapping) else own


def _name(choice: Any) -> str:
    return str(choice["name"] if isinstance(choice, Mapping) else choice)


def _sizes(value: Any, *, spelt: bool) -> Any:
    """What is left of plain data without what is no size."""
    if isinstance(value, Mapping):
        kept = {k: v for k, v in value.items() if k not in _NO_SIZES}
        return {k: _sizes(v, spelt=spelt) for k, v in sorted(kept.items()) if _is_size(v, spelt)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_sizes(each, spelt=spelt) for each in value if _is_size(each, spelt)]
    return value


def _is_size(value: Any, spelt: bool) -> bool:
    return spelt or not isinstance(value, float | str | None)
