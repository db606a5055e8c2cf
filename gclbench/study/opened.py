"""A question resolved: studies, their cells, and the plan of shared stages. Nothing runs."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from gclbench.content import Content
from gclbench.content_folders import code_in
from gclbench.errors import UnknownComponentError, UnknownNameError, UsageError
from gclbench.plan import ArtifactStore, Cell, Node, Plan, build_cells, build_plan
from gclbench.plan.outdated import made_before_fix
from gclbench.schema import Layout, Profile, Row, Settings, Stage, Study, Task
from gclbench.schema.settings import VIDEO_ROLES, DataSettings, WorldSettings
from gclbench.study.catalog import guide, parameters, revision, space
from gclbench.study.cost import Cost, estimate
from gclbench.study.needs import Outside, check_needs, report_checks
from gclbench.study.question import Question
from gclbench.study.stage_needs import Augmentations
from gclbench.tracking.machine import instruction_set
from gclbench.words.values import EXECUTORS


class OpenStudy:
    """The studies of a question with their plan over one results folder. Made by `open_study`."""

    def __init__(self, question: Question, content: Content) -> None:
        self.question, self.content = question, content
        self.profile: Profile = content.profile(question.profile)
        self.studies: tuple[Study, ...] = tuple(content.study(name) for name in question.studies)
        self.artifacts = ArtifactStore(question.home)
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
            self.question.overrides,
            seeds=self.question.seeds,
            rows=self._known(study, "rows", [row.key for row in study.rows]),
            tasks=self._known(study, "tasks", [task.name for task in study.tasks]),
            searching=self.question.searching,
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
        wanted: tuple[str, ...] | None = getattr(self.question, word)
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
        return dataset_fingerprint(role, data, self.question.home / "cache")

    @cached_property
    def store_url(self) -> str:
        return self.question.store_url

    @property
    def workers(self) -> int:
        """Processes that nodes may run in: as asked, else as the profile says."""
        return self.question.workers or self.profile.workers

    def summary(self) -> dict[str, Any]:
        """The contract of `gclbench plan --json`: cells, controls, stage runs by stage, `cost`.

        `before_kernel_fix` lists folders in the results folder (see `made_before_fix`).
        """
        return {
            **self.plan.summary(self.artifacts.has, self.artifacts.lost),
            "cost": self.cost().as_object(),
            "before_kernel_fix": made_before_fix(self.question.home),
        }

    def check_needs(self) -> None:
        """Ask for everything that running what is not done yet needs from outside.

        Reports of finished work never ask. Raises as `study.needs.check_needs`.
        """
        asked = self.question
        outside = Outside(asked.home, self.store_url, asked.device, asked.observers)
        reports = report_checks(self.content, self.studies, self.cells)
        more = [self._check_engine, *reports]
        check_needs(self._to_run(), outside, Augmentations(space, guide), more)

    def cost(self) -> Cost:
        """Estimate what running what is not done yet costs."""
        return estimate(
            self._to_run(),
            home=self.question.home,
            content=self.content,
            profile=self.profile,
            workers=self.workers if self.engine == "local" else 1,
            device=self.question.device,
            cpu_kind=instruction_set(),
            space=space,
        )

    def needed(self) -> tuple[Node, ...]:
        """What is there, and what a run makes, in the order in which it does."""
        return self.plan.needed(self.artifacts.has, self.artifacts.lost)

    def _to_run(self) -> list[Node]:
        return self.plan.to_run(self.artifacts.has, self.artifacts.lost)

    @property
    def engine(self) -> str:
        """The executor that was asked for, else the one that the number of workers needs."""
        return self.question.executor or ("local" if self.workers > 1 else "inline")

    def _check_engine(self) -> None:
        if self.engine not in EXECUTORS:
            raise UnknownNameError("executor", self.engine, EXECUTORS)

    def cells_of(self, study: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.study == study]

    def tasks_of(self, study: Study) -> list[Task]:
        """The tasks of a study that the question asks for, in its order."""
        return list({cell.task.name: cell.task for cell in self.cells_of(study.study)}.values())

    def rows_of(self, study: Study) -> list[Row]:
        """The rows of a study that the question asks for, in its order."""
        return list({cell.row.key: cell.row for cell in self.cells_of(study.study)}.values())

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


def open_study(question: Question) -> OpenStudy:
    """Read the content, resolve all cells and build the plan; nothing runs yet.

    Raises ContentError, OverrideError, UnknownNameError for a wrong question, UsageError for
    augmentations that do not go together or a task that its warm-up does not take,
    DataMissingError when `data.root` does not hold the datasets that the studies name.
    """
    content = Content(question.content_dirs, components=parameters)
    try:
        return OpenStudy(question, content)
    except UnknownComponentError as error:
        error.not_loaded(code_in(content.folders))
        raise
