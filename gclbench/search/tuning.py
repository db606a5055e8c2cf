"""What is asked for, resolved: the study, a trial's overrides, its name in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gclbench.digest import digest
from gclbench.errors import OverrideError, UsageError
from gclbench.reporting.origin import data_heading
from gclbench.schema import Search, Study
from gclbench.search.board import Board, Goal
from gclbench.search.space import directions, grid_points, quiet
from gclbench.study.opened import OpenStudy, open_study
from gclbench.study.question import Question

if TYPE_CHECKING:
    import optuna

_NAME_DIGITS = 12


@dataclass(frozen=True)
class Tuning:
    """A search as every worker is handed it.

    `question` opens the study's cell (`overrides`: the user's own settings); `name` is that of the
    Optuna study; `goal` says how many trials are wanted.
    """

    question: Question
    study: Study
    search: Search
    store: str
    name: str
    goal: Goal

    @property
    def seed(self) -> int:
        return self.study.seeds[0]

    @property
    def grid_size(self) -> int | None:
        """The number of points of a grid search, else None."""
        return len(grid_points(self.search)) if self.search.sampler == "grid" else None

    @property
    def origin(self) -> str:
        """One line on where the scores come from: data, profile and seed."""
        task = self.study.tasks[0]
        data = data_heading(task, self.open({}).data_label(task.name))
        return f"Data: {data}. Profile: {self.question.profile}. Seed: {self.seed}."

    def overrides(self, values: Mapping[str, Any], split: str = "validation") -> dict[str, Any]:
        """Return the overrides of a trial with these values, evaluated on a split."""
        fixed = {**trial_settings(self.search), "evaluate.split": split}
        return {**self.question.overrides, **values, **fixed}

    def open(self, values: Mapping[str, Any], split: str = "validation") -> OpenStudy:
        """Open the plan of one trial. Raises UsageError for values that do not go together."""
        return open_study(replace(self.question, overrides=self.overrides(values, split)))


def trial_settings(search: Search) -> dict[str, Any]:
    """Return what every trial of a search sets, whatever its values."""
    settings: dict[str, Any] = {"data.validation_share": search.validation_share}
    if search.pruner != "none":
        settings["joint.evaluate_every"] = 1  # the pruner looks at every epoch
    return settings


def open_tuning(question: Question, trials: int | None = None) -> Tuning:
    """Resolve a question for a search (one study); nothing is trained or stored yet.

    Raises what `open_study` raises, UsageError for a study without a search, OverrideError for
    a setting that the search itself gives.
    """
    (name,) = question.studies
    question = replace(question, searching=True)
    plain = open_study(question)
    plain.check_needs()
    study = plain.studies[0]
    if study.search is None:  # the plan has refused it already
        raise UsageError(f"'{name}' has no search space.")
    _refuse_searched(study.search, question.overrides)
    tuning = Tuning(question, study, study.search, plain.store_url, "", Goal(1))
    wanted = trials or study.search.trials
    wanted = min(wanted, tuning.grid_size or wanted)
    return replace(tuning, name=_study_name(tuning), goal=Goal(wanted))


def _refuse_searched(search: Search, overrides: Mapping[str, Any]) -> None:
    for name in overrides:
        if name in search.space:
            raise OverrideError(f"{name} is what the search varies, so it cannot be overridden.")
        if name in (*trial_settings(search), "evaluate.split"):
            raise OverrideError(f"{name} is given by the search, so it cannot be overridden.")


def _study_name(tuning: Tuning) -> str:
    """Name everything that changes what a trial means: another space is another study.

    The key of the cell's evaluation holds all settings, the data, the seed and the revisions of
    the code. Only the number of trials is left out: a search may go on.
    """
    base = tuning.open({})
    identity = {
        "search": tuning.search.model_dump(mode="json", exclude={"trials"}),
        "cell": base.plan.evaluate_key(base.cells[0]),
    }
    parts = [tuning.study.study, tuning.question.profile, digest(identity)[:_NAME_DIGITS]]
    return "-".join(parts)


def start(tuning: Tuning) -> Tuning:
    """Make the search in the store unless it is there; trials from now on belong to this call."""
    board = open_board(tuning)
    goal = replace(tuning.goal, since=len(board.trials()))
    return replace(tuning, goal=goal)


def open_board(tuning: Tuning) -> Board:
    """Open the search's trials in the store. Raises GclbenchError where that cannot be done."""
    import optuna

    from gclbench.search.storage import Turnstile, open_storage

    storage = open_storage(tuning.store)
    with quiet(), Turnstile(tuning.store, tuning.name)():
        study = optuna.create_study(
            storage=storage,
            study_name=tuning.name,
            directions=directions(tuning.search),
            load_if_exists=True,
        )
        _describe(study, tuning)
    return Board(study, storage, tuning.store, tuning.search, tuning.seed)


def _describe(study: optuna.Study, tuning: Tuning) -> None:
    import optuna

    if "study" in study.user_attrs:
        return
    facts = {
        "optuna": optuna.__version__,
        "search": tuning.search.model_dump(mode="json"),
        "overrides": dict(tuning.question.overrides),
        "profile": tuning.question.profile,
        "study": tuning.study.study,
    }
    for name, value in facts.items():
        study.set_user_attr(name, value)
