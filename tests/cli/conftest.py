"""A fake session over the shipped content: plan and tables are real, training is made up."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gclbench.content import Content
from gclbench.executors.events import NodeFailed, NodeFinished, NodeSkipped, NodeStarted, Outcome
from gclbench.plan import build_cells, build_plan

METRICS = ("mAP", "R1", "R5", "R10")


@dataclass(frozen=True)
class FakeRequest:
    studies: tuple[str, ...] = ()
    home: Path = Path("results")
    profile: str = "laptop"
    seeds: tuple[int, ...] | None = None
    rows: tuple[str, ...] | None = None
    tasks: tuple[str, ...] | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    executor: str | None = None
    workers: int | None = None
    store: str | None = None
    device: str = "auto"
    content_dirs: tuple[Path, ...] = ()
    observers: tuple[str, ...] = ()


@dataclass(frozen=True)
class FakeOutcome:
    outcomes: Mapping[str, Outcome]
    errors: Mapping[str, str]

    def count(self, outcome: Outcome) -> int:
        return sum(value is outcome for value in self.outcomes.values())


@dataclass(frozen=True)
class FakeScore:
    metrics: Mapping[str, float]
    ap: np.ndarray
    node: str
    records: tuple[Any, ...] = ()


@dataclass
class World:
    """What has been trained so far, and what goes wrong; survives from one command to the next."""

    done: set[str] = field(default_factory=set)
    fail: dict[str, tuple[str, str]] = field(default_factory=dict)
    interrupt_after: int | None = None
    requests: list[FakeRequest] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    cost: dict[str, Any] = field(default_factory=lambda: {"text": "nothing to run", "warning": ""})
    needs: Exception | None = None


class FakeArtifacts:
    def __init__(self, world: World) -> None:
        self.world = world

    def has(self, node: Any) -> bool:
        return node.key in self.world.done


class FakeSession:
    """The part of gclbench.runtime.session.Session that the verbs use."""

    def __init__(self, request: FakeRequest, world: World) -> None:
        world.requests.append(request)
        self.request, self.world = request, world
        self.content = Content(request.content_dirs)
        self.profile = self.content.profile(request.profile)
        self.studies = tuple(self.content.study(name) for name in request.studies)
        self.artifacts = FakeArtifacts(world)
        self.cells = tuple(cell for study in self.studies for cell in self._cells(study))
        self.plan = build_plan(
            self.cells,
            lambda kind, name: 1,
            lambda role, settings: role,
            lambda name: {"rotation": "structure", "d_mixup": "identity"}.get(name, "image"),
        )

    def _cells(self, study: Any) -> list[Any]:
        request = self.request
        return build_cells(
            study,
            self.content.recipe(study.recipe),
            self.profile,
            request.overrides,
            seeds=request.seeds,
            rows=request.rows,
            tasks=request.tasks,
        )

    def summary(self) -> dict[str, Any]:
        counts = self.plan.summary(self.artifacts.has)
        return {**counts, "cost": self.world.cost, "before_kernel_fix": self.world.outdated}

    def check_needs(self) -> None:
        if self.world.needs is not None:
            raise self.world.needs

    def cost(self) -> Any:
        return types.SimpleNamespace(warning=self.world.cost["warning"])

    def layout(self, study: Any) -> Any:
        return self.content.layout(study.report)

    def data_label(self, task_name: str) -> str:
        task = next(t for study in self.studies for t in study.tasks if t.name == task_name)
        return f"synthetic_{task.target}"

    def scores(self, study: Any) -> dict[tuple[str, str], dict[int, FakeScore]]:
        found: dict[tuple[str, str], dict[int, FakeScore]] = {}
        for i, cell in enumerate(self.cells):
            key = self.plan.evaluate_key(cell)
            if cell.study == study.study and key in self.world.done:
                metrics = {name: 40.0 + i + 5 * j for j, name in enumerate(METRICS)}
                score = FakeScore(metrics, np.array([30.0 + i, 50.0 + i]), key)
                found.setdefault((cell.row.key, cell.task.name), {})[cell.seed] = score
        return found

    def damaged(self, study: Any) -> list[Any]:
        return []

    def damaged_curves(self, study: Any) -> list[Any]:
        return []

    def curves(self, study: Any) -> dict[tuple[str, str], dict[int, list[dict[str, float]]]]:
        return {}

    def run(self, on_event: Callable[[Any], None]) -> FakeOutcome:
        outcomes: dict[str, Outcome] = {}
        errors: dict[str, str] = {}
        for count, node in enumerate(self.plan.needed(self.artifacts.has)):
            parents = [outcomes.get(key) for key in node.parents.values()]
            if self.world.interrupt_after is not None and count >= self.world.interrupt_after:
                outcomes[node.key] = Outcome.INTERRUPTED
            elif any(end in (Outcome.FAILED, Outcome.SKIPPED) for end in parents):
                outcomes[node.key] = Outcome.SKIPPED
                on_event(NodeSkipped(node, "parent"))
            else:
                outcomes[node.key] = self._one(node, on_event, errors)
        return FakeOutcome(outcomes, errors)

    def _one(self, node: Any, on_event: Callable[[Any], None], errors: dict[str, str]) -> Outcome:
        if self.artifacts.has(node):
            on_event(NodeFinished(node, None, 0.0, reused=True))
            return Outcome.REUSED
        on_event(NodeStarted(node))
        for part, (kind, text) in self.world.fail.items():
            if part in node.label:
                errors[node.key] = text
                on_event(NodeFailed(node, text, kind))
                return Outcome.FAILED
        self.world.done.add(node.key)
        metrics = dict.fromkeys(METRICS, 50.0) if node.stage == "evaluate" else {}
        on_event(NodeFinished(node, node.record(metrics=metrics, seconds=1.0), 1.0))
        return Outcome.COMPLETED


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Put the fake session in the runtime's place, and work in an empty results folder."""
    state = World()
    module = types.ModuleType("gclbench.runtime.session")
    module.Request = FakeRequest  # type: ignore[attr-defined]
    module.open_session = lambda request: FakeSession(request, state)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gclbench.runtime.session", module)
    monkeypatch.setenv("GCLBENCH_HOME", str(tmp_path / "results"))
    monkeypatch.delenv("GCLBENCH_CONTENT", raising=False)
    return state


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in this process: exit code, stdout, stderr."""
    from gclbench.cli.app import main

    def call(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return call
