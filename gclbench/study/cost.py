"""What a plan costs before it is run: CPU or GPU hours, hours of the clock, disk.

Seconds of a stage run are the median of like runs in the results folder (`likes`), else those of
the profile's table (`seconds`), else not known: it is then counted apart, never invented.
"""

from __future__ import annotations

import heapq
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gclbench.content import Content
from gclbench.devices import expects_gpu
from gclbench.plan import Node
from gclbench.plan.graph import stage_settings
from gclbench.schema import Profile, Settings, Stage
from gclbench.schema.overrides import resolve_settings
from gclbench.study.amounts import images_of, known_images
from gclbench.study.disk import Unmade, unmade_data
from gclbench.study.likes import Guess, PastRuns, Work, past_runs, work_of
from gclbench.study.seconds import SecondsTable, read_seconds

Space = Callable[[str], str]
DATA = "data"
_KINDS = {"avx512": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sse42": "SSE4.2", "neon": "NEON"}
_SIZES = (
    "data.height_px", "data.width_px", "network.id_encoder.depth", "network.id_encoder.width",
    "network.generator.decoder_width", "network.generator.decoder_blocks",
    "network.discriminator.width",
)  # fmt: skip


@dataclass(frozen=True)
class StageCost:
    """One stage: its runs, their hours together, and how many of them came from where."""

    runs: int = 0
    hours: float = 0.0
    from_records: int = 0
    from_table: int = 0
    unknown: int = 0

    def as_object(self) -> dict[str, Any]:
        return {**vars(self), "hours": round(self.hours, 4)}


@dataclass(frozen=True)
class Cost:
    """An estimate. Hours are of CPU or GPU (`gpu`) and of the clock; sizes in GB (10^9 bytes).

    `recorded` counts the finished runs that the estimate rests on, `unknown` the stage runs that
    are not in it. `stages` has "data" too: pictures that are rendered or drawn once. `table` names
    the profile and kind of CPU of the table that was asked, "" for none.
    """

    gpu: bool
    cpu_kind: str
    workers: int
    profile: str
    hours: float
    wall_hours: float
    disk_gb: float
    free_gb: float
    recorded: int
    table: str
    stages: Mapping[str, StageCost] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        return sum(stage.runs for name, stage in self.stages.items() if name != DATA)

    @property
    def unknown(self) -> int:
        return sum(stage.unknown for stage in self.stages.values())

    @property
    def text(self) -> str:
        """One line for a reader."""
        if not self.runs:
            return "nothing to run"
        if self.unknown == self.runs:
            return f"cost not known: {self._unknown()}"
        kind = "GPU" if self.gpu else "CPU"
        where = "" if self.gpu else f" on this kind of CPU ({_kind(self.cpu_kind)})"
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        parts = (
            f"about {_spell(self.hours, kind)}{where}, {_spell(self.wall_hours)} with {workers}"
        )
        text = f"{parts}, {_size(self.disk_gb)}; from {self._source()}"
        return f"{text}; not counted: {self._unknown()}" if self.unknown else text

    @property
    def warning(self) -> str:
        """One line where the disk looks too small, else ''."""
        if self.disk_gb <= self.free_gb:
            return ""
        return (
            f"about {self.disk_gb:.1f} GB are needed and {self.free_gb:.1f} GB are free where the "
            "results go. Free some space, or name another place: home=DIR."
        )

    def as_object(self) -> dict[str, Any]:
        """The contract of the key `cost` of `gclbench plan --json`."""
        return {
            "device": "gpu" if self.gpu else "cpu",
            "cpu_kind": self.cpu_kind,
            "workers": self.workers,
            "hours": round(self.hours, 4),
            "wall_hours": round(self.wall_hours, 4),
            "disk_gb": round(self.disk_gb, 3),
            "free_gb": round(self.free_gb, 3),
            "recorded": self.recorded,
            "table": self.table,
            "unknown": self.unknown,
            "stages": {name: stage.as_object() for name, stage in self.stages.items()},
            "text": self.text,
            "warning": self.warning,
        }

    def _source(self) -> str:
        table = sum(stage.from_table for stage in self.stages.values())
        runs = "1 like stage run" if self.recorded == 1 else f"{self.recorded} like stage runs"
        recorded = f"{runs} recorded here"
        known, _, kind = self.table.partition(" ")
        other = "" if self.gpu or kind == self.cpu_kind else "; it has none of this kind of CPU"
        tabled = f"the table of profile {known} ({_kind(kind)}{other})"
        if not table:
            return recorded
        if not self.recorded:
            return tabled
        return f"{recorded} and, for {table} of {self.runs}, {tabled}"

    def _unknown(self) -> str:
        runs = "1 stage run has" if self.unknown == 1 else f"{self.unknown} stage runs have"
        return f"{runs} no like one recorded here and no figures in profile {self.profile}"


def estimate(
    nodes: Sequence[Node],
    *,
    home: Path,
    content: Content,
    profile: Profile,
    workers: int,
    device: str,
    cpu_kind: str,
    space: Space,
) -> Cost:
    """Estimate what `nodes`, stage runs still to be run, cost with so many workers."""
    gpu = expects_gpu(device)
    past = past_runs(home, [node.stage.value for node in nodes])
    table = None if gpu else _table(content, profile.profile, cpu_kind)
    base = resolve_settings(profile, None, None, None)
    estimator = _Estimator(PastRuns(past, gpu=gpu, cpu_kind=cpu_kind), table, base)
    guesses = {node.key: estimator.guess(node) for node in nodes}
    unmade = unmade_data(nodes, home / "cache", space)
    drawing = _drawing(unmade, table)
    seconds = {key: guess.seconds if guess else 0.0 for key, guess in guesses.items()}
    used = {id(run) for guess in guesses.values() if guess for run in guess.likes}
    side_by_side = max(1, min(workers, (os.cpu_count() or 1) // profile.threads))
    threads = 1 if gpu else profile.threads
    wall = (wall_seconds(nodes, seconds, side_by_side) + drawing / side_by_side) / threads
    return Cost(
        gpu=gpu,
        cpu_kind=cpu_kind,
        workers=workers,
        profile=profile.profile,
        hours=(sum(seconds.values()) + drawing) / 3600,
        wall_hours=wall / 3600,
        disk_gb=(sum(g.megabytes for g in guesses.values() if g) + unmade.megabytes) / 1000,
        free_gb=_free_bytes(home) / 1e9,
        recorded=len(used),
        table="" if table is None else f"{table.profile} {table.cpu_kind}",
        stages=_by_stage(nodes, guesses, drawing),
    )


def wall_seconds(nodes: Sequence[Node], seconds: Mapping[str, float], workers: int) -> float:
    """Return how long nodes take side by side: a free worker takes the first that is ready."""
    ends: dict[str, float] = {}
    waiting = {node.key: node for node in nodes}
    free = [0.0] * workers
    while waiting:
        now = heapq.heappop(free)
        ready = next((n for n in waiting.values() if _ready_at(n, ends, waiting) <= now), None)
        if ready is None:  # wait for the next end of another worker
            heapq.heappush(free, min(end for end in ends.values() if end > now))
            continue
        del waiting[ready.key]
        ends[ready.key] = now + seconds[ready.key]
        heapq.heappush(free, ends[ready.key])
    return max(ends.values(), default=0.0)


def _ready_at(node: Node, ends: Mapping[str, float], waiting: Mapping[str, Node]) -> float:
    parents = node.parents.values()
    if any(key in waiting for key in parents):
        return float("inf")
    return max((ends.get(key, 0.0) for key in parents), default=0.0)


@dataclass
class _Estimator:
    past: PastRuns
    table: SecondsTable | None
    base: Settings

    def guess(self, node: Node) -> Guess | None:
        """From like runs, else from the table; None where neither knows."""
        work = work_of(node.stage.value, node.settings, known_images(node))
        return self.past.guess(work) or self._from_table(node, work)

    def _from_table(self, node: Node, work: Work) -> Guess | None:
        if self.table is None or not self._of_the_profile(node):
            return None
        usual = self._usual(node, work)
        images = work.images / usual.images if work.images and usual.images else 1.0
        growth = images * work.epochs / max(usual.epochs, 1)
        target = node.roles.get("target", "")
        return self.table.guess(work.stage, work.method, target, growth)

    def _of_the_profile(self, node: Node) -> bool:
        """Whether pictures and networks are those that the table was made with."""
        plain = self.base.model_dump(mode="json")
        asked = [name for name in _SIZES if _at(node.settings, name) is not None]
        return all(_at(node.settings, name) == _at(plain, name) for name in asked)

    def _usual(self, node: Node, work: Work) -> Work:
        """The same stage run with the profile's own epochs and world."""
        warmup = self.base.warmup
        if node.stage is Stage.WARMUP:
            method = node.resolved().warmup.method
            warmup = warmup.model_copy(update={"method": method})
        settings = self.base.model_copy(update={"warmup": warmup})
        target, generative = node.roles.get("target", ""), "mesh" in node.settings["data"]
        plain = stage_settings(node.stage, settings, target, generative=generative)
        places = {**node.places, "data": self.base.data.model_dump(mode="json")}
        usual = replace(node, settings={**plain, "data": node.settings["data"]}, places=places)
        return work_of(work.stage, plain, images_of(usual))


def _at(settings: Mapping[str, Any], name: str) -> Any:
    """What a dotted name stands for in nested plain data; None where it is not there."""
    found: Any = settings
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _table(content: Content, profile: str, cpu_kind: str) -> SecondsTable | None:
    if profile not in content.names("seconds"):
        return None
    return read_seconds(content.path("seconds", profile), cpu_kind)


def _drawing(unmade: Unmade, table: SecondsTable | None) -> float:
    """Seconds that rendering and drawing take, as far as a table tells."""
    kinds = ("images", "projections", "oracle")
    return sum(getattr(unmade, k) * table.per_image(k) for k in kinds) if table else 0.0


def _by_stage(
    nodes: Sequence[Node], guesses: Mapping[str, Guess | None], drawing: float
) -> dict[str, StageCost]:
    found: dict[str, StageCost] = {}
    for node in nodes:
        guess, old = guesses[node.key], found.get(node.stage.value, StageCost())
        found[node.stage.value] = StageCost(
            runs=old.runs + 1,
            hours=old.hours + (guess.seconds / 3600 if guess else 0.0),
            from_records=old.from_records + bool(guess and guess.likes),
            from_table=old.from_table + bool(guess and not guess.likes),
            unknown=old.unknown + (guess is None),
        )
    if drawing:
        found[DATA] = StageCost(hours=drawing / 3600)
    return found


def _free_bytes(home: Path) -> int:
    there = home
    while not os.path.isdir(there) and there != there.parent:
        there = there.parent
    return shutil.disk_usage(there).free


def _spell(hours: float, what: str = "") -> str:
    """A time as a reader likes it: 1.2 CPU hours, 38 min, 20 s."""
    words = ("hours", "minutes", "seconds") if what else ("h", "min", "s")
    for unit, word in zip((1.0, 60.0), words, strict=False):
        if hours * unit >= 1:
            decimals = 1 if hours * unit < 10 else 0
            return " ".join(filter(None, (f"{hours * unit:.{decimals}f}", what, word)))
    return " ".join(filter(None, (f"{hours * 3600:.0f}", what, words[2])))


def _size(gigabytes: float) -> str:
    return f"{gigabytes:.1f} GB" if gigabytes >= 0.1 else f"{gigabytes * 1000:.0f} MB"


def _kind(word: str) -> str:
    return _KINDS.get(word, word or "not known")
