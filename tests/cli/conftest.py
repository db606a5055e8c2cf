"""Studies of the shipped content: plan and tables are real, training is made up."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gclbench.api import study as api_study
from gclbench.content import Content
from gclbench.executors.events import NodeFailed, NodeFinished, NodeSkipped, NodeStarted, Outcome
from gclbench.plan import build_cells, build_plan
from gclbench.results.measured import Measured
from gclbench.running.run import RunOutcome
from gclbench.study.opened import OpenStudy
from gclbench.study.question import Question

METRICS = ("mAP", "R1", "R5", "R10")
# How lines of progress begin or what they hold; they go to stderr, beside notices and errors.
PROGRESS = re.compile(
    r"(names|start|done|note|failed|trial) |       "
    r"|.*  seed \d+  (mAP|damaged)|.* trials; profile "
)


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
    questions: list[Question] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    cost: dict[str, Any] = field(default_factory=lambda: {"text": "nothing to run", "warning": ""})
    needs: Exception | None = None


class FakeArtifacts:
    def __init__(self, world: World) -> None:
        self.world = world

    def has(self, node: Any) -> bool:
        return node.key in self.world.done

    def lost(self, node: Any) -> bool:
        return False

    def problem(self, node: Any, names: Any = None) -> str:
        return ""


class FakeStudy(OpenStudy):
    """An open study without a catalogue, data or artifacts: done is what `World` says."""

    def __init__(self, question: Question, world: World) -> None:
        world.questions.append(question)
        self.question, self.world = question, world
        self.content = Content(question.content_dirs)
        self.profile = self.content.profile(question.profile)
        self.studies = tuple(self.content.study(name) for name in question.studies)
        self.artifacts = FakeArtifacts(world)
        self.cells = tuple(cell for study in self.studies for cell in self._cells(study))
        self.plan = build_plan(
            self.cells,
            lambda kind, name: 1,
            lambda role, settings: role,
            lambda name: {"rotation": "structure", "d_mixup": "identity"}.get(name, "image"),
        )

    def _cells(self, study: Any) -> list[Any]:
        question = self.question
        return build_cells(
            study,
            self.content.recipe(study.recipe),
            self.profile,
            question.overrides,
            seeds=question.seeds,
            rows=question.rows,
            tasks=question.tasks,
        )

    def summary(self) -> dict[str, Any]:
        found = super().summary()
        return {**found, "cost": self.world.cost, "before_kernel_fix": self.world.outdated}

    def check_needs(self) -> None:
        if self.world.needs is not None:
            raise self.world.needs

    def cost(self) -> Any:
        cost = self.world.cost
        return types.SimpleNamespace(warning=cost["warning"], as_object=lambda: cost)

    def data_label(self, task_name: str) -> str:
        task = next(t for study in self.studies for t in study.tasks if t.name == task_name)
        return f"synthetic_{task.target}"


class FakeMeasured(Measured):
    """Made-up scores of what is done."""

    def scores(self, study: Any) -> dict[tuple[str, str], dict[int, FakeScore]]:
        found: dict[tuple[str, str], dict[int, FakeScore]] = {}
        for i, cell in enumerate(self.opened.cells):
            key = self.opened.plan.evaluate_key(cell)
            if cell.study == study.study and key in self.opened.world.done:
                metrics = {name: 40.0 + i + 5 * j for j, name in enumerate(METRICS)}
                score = FakeScore(metrics, np.array([30.0 + i, 50.0 + i]), key)
                found.setdefault((cell.row.key, cell.task.name), {})[cell.seed] = score
        return found

    def damaged(self, study: Any) -> list[Any]:
        return []

    def untrained(self, study: Any) -> dict[tuple[str, str], dict[int, Any]]:
        return {}

    def idle(self, study: Any) -> list[Any]:
        return []

    def damaged_curves(self, study: Any) -> list[Any]:
        return []

    def curves(self, study: Any) -> dict[tuple[str, str], dict[int, list[dict[str, float]]]]:
        return {}


def fake_run(opened: FakeStudy, on_event: Callable[[Any], None]) -> RunOutcome:
    """Take every node for trained, but those that the world lets fail or never reaches."""
    outcomes: dict[str, Outcome] = {}
    errors: dict[str, str] = {}
    world, has = opened.world, opened.artifacts.has
    for count, node in enumerate(opened.plan.needed(has)):
        parents = [outcomes.get(key) for key in node.parents.values()]
        if world.interrupt_after is not None and count >= world.interrupt_after:
            outcomes[node.key] = Outcome.INTERRUPTED
        elif any(end in (Outcome.FAILED, Outcome.SKIPPED) for end in parents):
            outcomes[node.key] = Outcome.SKIPPED
            on_event(NodeSkipped(node, "parent"))
        else:
            outcomes[node.key] = fake_node(node, world, on_event, errors)
    return RunOutcome(outcomes, errors)


def fake_node(
    node: Any, world: World, on_event: Callable[[Any], None], errors: dict[str, str]
) -> Outcome:
    if node.key in world.done:
        on_event(NodeFinished(node, None, 0.0, reused=True))
        return Outcome.REUSED
    on_event(NodeStarted(node))
    for part, (kind, text) in world.fail.items():
        if part in node.label:
            errors[node.key] = text
            on_event(NodeFailed(node, text, kind))
            return Outcome.FAILED
    world.done.add(node.key)
    metrics = dict.fromkeys(METRICS, 50.0) if node.stage == "evaluate" else {}
    on_event(NodeFinished(node, node.record(metrics=metrics, seconds=1.0), 1.0))
    return Outcome.COMPLETED


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Put the fakes in the rooms' places, and work in an empty results folder."""
    state = World()
    monkeypatch.setattr(
        "gclbench.study.opened.open_study", lambda question: FakeStudy(question, state)
    )
    # Imported above, before anything is replaced: it holds a name of its own.
    monkeypatch.setattr(api_study, "open_study", lambda question: FakeStudy(question, state))
    monkeypatch.setattr("gclbench.running.run.run_study", fake_run)
    monkeypatch.setattr("gclbench.results.measured.Measured", FakeMeasured)
    monkeypatch.setenv("GCLBENCH_HOME", str(tmp_path / "results"))
    monkeypatch.delenv("GCLBENCH_CONTENT", raising=False)
    return state


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in this process: exit code, stdout, stderr without progress."""

    def call(*words: str) -> tuple[int, str, str]:
        code, out, err = all_of(words, capsys)
        lines = err.splitlines(keepends=True)
        return code, out, "".join(line for line in lines if not PROGRESS.match(line))

    return call


@pytest.fixture
def loud_cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """As `cli`, with progress in what went to stderr."""
    return lambda *words: all_of(words, capsys)


def all_of(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    from gclbench.cli.app import main

    code = main(list(words))
    return code, *capsys.readouterr()
