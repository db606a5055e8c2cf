"""A session: studies -> plan -> executor -> records -> scores. What the command line talks to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gclbench.content import Content
from gclbench.errors import DamagedResultError, GclbenchError, UnknownNameError, UsageError
from gclbench.executors.events import Event, NodeFailed, NodeFinished, Outcome
from gclbench.executors.inline import InlineExecutor
from gclbench.executors.local import LocalExecutor
from gclbench.plan import ArtifactStore, Cell, Node, Plan, build_cells, build_plan
from gclbench.plan.outdated import made_before_fix
from gclbench.reporting.damaged import Damaged
from gclbench.runtime.catalog import parameters, revision, space
from gclbench.runtime.evaluations import (
    EPOCHS,
    METRICS,
    damage_of,
    read_epochs,
    read_evaluation,
)
from gclbench.runtime.worker import RunConfig, run_node
from gclbench.schema import Layout, NodeRecord, Profile, Settings, Stage, Study
from gclbench.schema.settings import VIDEO_ROLES, DataSettings, WorldSettings
from gclbench.tracking.place import store_url


@dataclass(frozen=True)
class Request:
    """What a user asks for; None takes the study's or the profile's own value.

    `searching` opens the cell of a study with a search: `overrides` then hold a trial's values.
    """

    studies: tuple[str, ...]
    home: Path
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
    searching: bool = False


@dataclass(frozen=True)
class RunOutcome:
    """How each node ended (by key), and the messages of those that failed."""

    outcomes: Mapping[str, Outcome]
    errors: Mapping[str, str]

    def count(self, outcome: Outcome) -> int:
        return sum(1 for value in self.outcomes.values() if value is outcome)


@dataclass(frozen=True)
class Score:
    """One evaluated cell: metrics, the AP of every query (NaN: skipped), its node.

    mAP, ranks, AP and NMI in percent; N, the number of clusters, and NMI only after stage 3.
    `records` are those of the cell's stages, its evaluation last; of earlier ones those that are
    there and readable.
    """

    metrics: Mapping[str, float]
    ap: np.ndarray
    node: str
    records: tuple[NodeRecord, ...] = ()


class Session:
    """Studies with their plan over one results folder. Made by `open_session`."""

    def __init__(self, request: Request, content: Content) -> None:
        self.request, self.content = request, content
        self.profile: Profile = content.profile(request.profile)
        self.studies: tuple[Study, ...] = tuple(content.study(name) for name in request.studies)
        self.store_url = store_url(request.home, request.store)
        self.artifacts = ArtifactStore(request.home)
        self.cells: tuple[Cell, ...] = tuple(
            cell for study in self.studies for cell in self._cells(study)
        )
        self._check_components()
        self.plan: Plan = build_plan(self.cells, revision, self._fingerprint, space)

    def _cells(self, study: Study) -> list[Cell]:
        return build_cells(
            study,
            self.content.recipe(study.recipe),
            self.profile,
            self.request.overrides,
            seeds=self.request.seeds,
            rows=self._known(study, "rows", [row.key for row in study.rows]),
            tasks=self._known(study, "tasks", [task.name for task in study.tasks]),
            searching=self.request.searching,
            components=parameters,
        )

    def _check_components(self) -> None:
        """Refuse, before any training, augmentations and warm-ups that cannot do as asked."""
        from gclbench.stages.demands import check_demands
        from gclbench.stages.view_and_mix import check_augmentations

        for settings in {repr(cell.settings.joint): cell.settings for cell in self.cells}.values():
            check_augmentations(settings)
        for cell in self.cells:
            if cell.stop in (Stage.PRETRAIN, Stage.SOURCE):  # no stage 1
                continue
            roles = [role for role in (cell.task.target, cell.source) if role in VIDEO_ROLES]
            check_demands(
                cell.settings.warmup.method.name,
                f"task '{cell.task.name}'",
                sourced=cell.source is not None,
                tracklets=[str(role) for role in roles],
            )

    def _known(self, study: Study, word: str, names: list[str]) -> tuple[str, ...] | None:
        wanted: tuple[str, ...] | None = getattr(self.request, word)
        for name in wanted or ():
            everywhere = [
                key
                for each in self.studies
                for key in (
                    [row.key for row in each.rows]
                    if word == "rows"
                    else [task.name for task in each.tasks]
                )
            ]
            if name not in everywhere:
                raise UnknownNameError(f"{word[:-1]} of {study.study}", name, everywhere)
        return None if wanted is None else tuple(name for name in wanted if name in names)

    def _fingerprint(self, role: str, settings: Settings) -> str:
        from gclbench.datasets.fingerprint import dataset_fingerprint

        data = settings.data
        if role == "pretrain":  # always rendered; of the world only its seed matters
            world = WorldSettings(seed=data.world.seed)
            data = data.model_copy(update={"root": None, "world": world})
        return dataset_fingerprint(role, data, self.request.home / "cache")

    # -- plan ---------------------------------------------------------------------------------

    def summary(self) -> dict[str, Any]:
        """The contract of `gclbench plan --json`: cells, controls, and stage runs by stage.

        `before_kernel_fix` lists folders in the results folder (see `made_before_fix`).
        """
        return {
            **self.plan.summary(self.artifacts.has),
            "before_kernel_fix": made_before_fix(self.request.home),
        }

    def data_label(self, task_name: str) -> str:
        """What reports print as the origin of a number, for example 'synthetic_market1501'."""
        from gclbench.datasets.fingerprint import is_rendered

        data = self.cells[0].settings.data if self.cells else DataSettings()
        for study in self.studies:
            for task in study.tasks:
                if task.name == task_name:
                    rendered = is_rendered(task.target, data)
                    return f"synthetic_{task.target}" if rendered else task.target
        raise UsageError(f"no task {task_name}.")

    def layout(self, study: Study) -> Layout:
        """Raises UsageError for a search without a report of its own."""
        if study.report is None:
            raise UsageError(
                f"'{study.study}' fills no table.", f"Use: gclbench tune study={study.study}"
            )
        return self.content.layout(study.report)

    # -- run ----------------------------------------------------------------------------------

    def run(self, on_event: Callable[[Event], None]) -> RunOutcome:
        """Run what is not done yet. After Ctrl-C the next call goes on from there."""
        from gclbench.tracking.store import RunStore

        errors: dict[str, str] = {}

        def listen(event: Event) -> None:
            if isinstance(event, NodeFailed):
                errors[event.node.key] = event.error
            on_event(event)

        store = RunStore(self.store_url)
        store.remember(self._requests())
        store.close()
        run = functools.partial(run_node, self.run_config())
        nodes = self.plan.needed(self.artifacts.has)
        outcomes = self._executor().execute(nodes, self.artifacts.has, run, listen)
        return RunOutcome(outcomes, errors)

    def run_config(self) -> RunConfig:
        return RunConfig(
            home=self.request.home.resolve(),
            store=self.store_url,
            threads=self.profile.threads,
            device=self.request.device,
            observers=self.request.observers,
            engine=self.engine,
        )

    @property
    def engine(self) -> str:
        """The name of the executor that was asked for, else the one that the workers need."""
        return self.request.executor or ("local" if self._workers > 1 else "inline")

    @property
    def _workers(self) -> int:
        return self.request.workers or self.profile.workers

    def _executor(self) -> InlineExecutor | LocalExecutor:
        if self.engine == "inline":
            return InlineExecutor()
        if self.engine == "local":
            return LocalExecutor(workers=self._workers, threads=self.profile.threads)
        raise UnknownNameError("executor", self.engine, ["inline", "local"])

    def _requests(self) -> list[dict[str, Any]]:
        return [
            {
                "study": cell.study,
                "profile": self.request.profile,
                "overrides": dict(self.request.overrides),
                "seed": cell.seed,
                "row": cell.row.key,
                "task": cell.task.name,
                "node_key": self.plan.evaluate_key(cell),
            }
            for cell in self.cells
        ]

    # -- scores -------------------------------------------------------------------------------

    def scores(self, study: Study) -> dict[tuple[str, str], dict[int, Score]]:
        """Finished cells of a study: (row key, task name) -> seed -> score; see `damaged`."""
        found: dict[tuple[str, str], dict[int, Score]] = {}
        for cell, node in self._evaluated(study):
            with suppress(DamagedResultError):
                score = replace(self._score(node), records=self._records(cell))
                found.setdefault((cell.row.key, cell.task.name), {})[cell.seed] = score
        return found

    def damaged(self, study: Study) -> list[Damaged]:
        """Finished evaluations of a study whose numbers cannot be: `scores` leaves them out."""
        return [
            damage_of(cell, node)
            for cell, node in self._evaluated(study)
            if _refused(functools.partial(read_evaluation, self.artifacts, node))
        ]

    def _evaluated(self, study: Study) -> Iterator[tuple[Cell, Node]]:
        for cell in self.cells:
            node = self.plan.node(self.plan.evaluate_key(cell))
            if cell.study == study.study and self.artifacts.has(node):
                yield cell, node

    def _score(self, node: Node) -> Score:
        found = read_evaluation(self.artifacts, node)
        known = found.record.metrics
        metrics = {name: known[name] for name in METRICS}
        if {"clusters", "nmi"} <= known.keys():  # stages that end with labels of their own
            metrics |= {"N": known["clusters"], "NMI": 100.0 * known["nmi"]}
        return Score(metrics, 100.0 * found.ap, node.key)

    def _records(self, cell: Cell) -> tuple[NodeRecord, ...]:
        found = []
        for node in map(self.plan.node, self.plan.chain(cell)):
            with suppress(GclbenchError):  # one that is not there, or damaged, has nothing to say
                found.append(self.artifacts.read(node))
        return tuple(found)

    def curves(self, study: Study) -> dict[tuple[str, str], dict[int, list[dict[str, float]]]]:
        """Metrics of each epoch of stage 3: (row key, task name) -> seed -> epochs.

        `damaged_curves` are left out.
        """
        found: dict[tuple[str, str], dict[int, list[dict[str, float]]]] = {}
        for cell, node in self._trained(study):
            with suppress(DamagedResultError):
                epochs = read_epochs(self.artifacts, node)
                found.setdefault((cell.row.key, cell.task.name), {})[cell.seed] = epochs
        return found

    def damaged_curves(self, study: Study) -> list[Damaged]:
        """Stages 3 of a study of which an epoch's numbers cannot be."""
        return [
            damage_of(cell, node)
            for cell, node in self._trained(study)
            if _refused(functools.partial(read_epochs, self.artifacts, node))
        ]

    def _trained(self, study: Study) -> Iterator[tuple[Cell, Node]]:
        for cell in self.cells:
            for key in self.plan.chain(cell) if cell.study == study.study else ():
                node = self.plan.node(key)
                path = self.artifacts.path(node) / EPOCHS
                if node.stage is Stage.JOINT and path.is_file():
                    yield cell, node

    def record(self, node: Node) -> NodeRecord | None:
        """The record of a finished node, or None."""
        return self.artifacts.read(node) if self.artifacts.has(node) else None

    def finished_cells(self, event: NodeFinished) -> list[Cell]:
        """The cells whose evaluation this node is (several studies may share one)."""
        return [cell for cell in self.cells if self.plan.evaluate_key(cell) == event.node.key]


def _refused(read: Callable[[], object]) -> bool:
    """Whether reading raises DamagedResultError."""
    try:
        read()
    except DamagedResultError:
        return True
    return False


def open_session(request: Request) -> Session:
    """Read the content, resolve all cells and build the plan; nothing runs yet.

    Raises ContentError, OverrideError, UnknownNameError for a wrong request, UsageError for
    augmentations that do not go together or a task that its warm-up does not take,
    DataMissingError when `data.root` does not hold the datasets that the studies name.
    """
    return Session(request, Content(request.content_dirs, components=parameters))
