"""What a search found, as plain data made from its trials; files and plots are made from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gclbench.errors import UsageError
from gclbench.schema import Search, Study
from gclbench.schema.plausible import impossible
from gclbench.search.board import failed, finished, is_lost
from gclbench.search.space import directions, quiet

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

IMPORTANCE = "fANOVA"
MIN_FOR_IMPORTANCE = 2
STATE_DAMAGED = "DAMAGED"


@dataclass(frozen=True)
class TrialRow:
    """One trial. Scores in percent; None where the trial did not come so far.

    `values` holds the objectives of a complete trial, `reported` the validation mAP by epoch.
    `retry_of` is the number of the trial that died with the same values. A trial whose stored
    scores cannot be has the state DAMAGED and none of them.
    """

    number: int
    state: str
    params: Mapping[str, Any]
    values: Mapping[str, float] = field(default_factory=dict)
    reported: Mapping[int, float] = field(default_factory=dict)
    test_mAP: float | None = None
    test_R1: float | None = None
    clusters: float | None = None
    seconds: float | None = None
    reused: bool = False
    retry_of: int | None = None
    node: str = ""
    error: str = ""
    error_kind: str = ""

    @property
    def complete(self) -> bool:
        return self.state == "COMPLETE"


@dataclass(frozen=True)
class Importance:
    """Each parameter's share in the spread of validation mAP (sum 1), or why there is none."""

    shares: Mapping[str, float]
    text: str


@dataclass(frozen=True)
class SensitivityRow:
    """A line in the form of the paper's Table 5: what one value of the parameter gives."""

    value: Any
    clusters: float | None
    mAP: float
    test_mAP: float | None
    test_R1: float | None


@dataclass(frozen=True)
class Results:
    """Everything that a report of a search says.

    `trials` are those that finished, failed or run, by number; trials that died and were tried
    again are left out. `best` is the best trial, with two objectives the trials of the Pareto
    front by falling mAP. `log` names the parameters on a logarithmic scale, `origin` says where
    the numbers come from.
    """

    study: str
    title: str
    name: str
    origin: str
    parameters: tuple[str, ...]
    objectives: tuple[str, ...]
    log: frozenset[str]
    trials: tuple[TrialRow, ...]
    best: tuple[TrialRow, ...]
    importance: Importance
    sensitivity: tuple[SensitivityRow, ...]
    profile: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are complete, pruned, failed, running and damaged."""
        states = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
        states |= {"running": "RUNNING", "damaged": STATE_DAMAGED}
        return {
            word: sum(row.state == state for row in self.trials) for word, state in states.items()
        }

    @property
    def complete(self) -> tuple[TrialRow, ...]:
        return tuple(row for row in self.trials if row.complete)


def build_results(
    study: Study, name: str, origin: str, trials: Sequence[FrozenTrial], profile: str = ""
) -> Results:
    """Make the data of a report from Optuna's trials; the same trials give the same data.

    `name` is that of the Optuna study, `origin` a line on data and profile. Raises UsageError for
    a study without a search.
    """
    search = study.search
    if search is None:
        raise UsageError(f"'{study.study}' has no search space.")
    shown = [trial for trial in trials if trial.state.name != "WAITING" and not is_lost(trial)]
    rows = tuple(row_of(trial, search) for trial in shown)
    return Results(
        study=study.study,
        title=study.title,
        name=name,
        origin=origin,
        parameters=tuple(search.space),
        objectives=search.objectives,
        log=frozenset(key for key, dimension in search.space.items() if dimension.log),
        trials=rows,
        best=_best(rows, search),
        importance=importance(
            [trial for trial in trials if not _damage(trial, search)], search, study.seeds[0]
        ),
        sensitivity=sensitivity(rows, tuple(search.space)),
        profile=profile,
    )


def row_of(trial: FrozenTrial, search: Search) -> TrialRow:
    """Return what is known of a trial."""
    notes = trial.user_attrs
    error = str(notes.get("error", ""))
    if failed(trial) and not error:
        error = "its worker died again and again"
    if _damage(trial, search):
        return _damaged_row(trial, search)
    complete = trial.state.name == "COMPLETE"
    values = zip(search.objectives, trial.values or (), strict=True) if complete else ()
    known = ("test_mAP", "test_R1", "clusters", "seconds", "retry_of", "node", "error_kind")
    return TrialRow(
        number=trial.number,
        state=trial.state.name,
        params={name: trial.params[name] for name in search.space if name in trial.params},
        values=dict(values),
        reported=dict(sorted(trial.intermediate_values.items())),
        reused=bool(notes.get("reused", False)),
        error=error,
        **{name: notes[name] for name in known if name in notes},
    )


def _damage(trial: FrozenTrial, search: Search) -> str:
    """What cannot be in the scores of a trial; '' where all is possible."""
    notes = trial.user_attrs
    scores = dict(zip(search.objectives, trial.values or (), strict=False))
    tested = {name: notes[f"test_{name}"] for name in ("mAP", "R1") if f"test_{name}" in notes}
    counted = {name: notes[name] for name in ("clusters", "seconds") if name in notes}
    reported = [{"mAP": value} for value in trial.intermediate_values.values()]
    return next(filter(None, map(impossible, (scores, tested, counted, *reported))), "")


def _damaged_row(trial: FrozenTrial, search: Search) -> TrialRow:
    return TrialRow(
        number=trial.number,
        state=STATE_DAMAGED,
        params={name: trial.params[name] for name in search.space if name in trial.params},
        retry_of=trial.user_attrs.get("retry_of"),
        node=trial.user_attrs.get("node", ""),
        error="damaged: its stored scores cannot be",
    )


def _best(rows: Sequence[TrialRow], search: Search) -> tuple[TrialRow, ...]:
    """The first of the best by mAP; with two objectives all that no other one dominates."""
    complete = sorted(
        (row for row in rows if row.complete), key=lambda row: (-row.values["mAP"], row.number)
    )
    if len(search.objectives) == 1:
        return tuple(complete[:1])
    signs = [-1.0 if way == "minimize" else 1.0 for way in directions(search)]

    def points(row: TrialRow) -> list[float]:
        return [
            sign * row.values[name] for sign, name in zip(signs, search.objectives, strict=True)
        ]

    return tuple(
        row
        for row in complete
        if not any(_dominates(points(other), points(row)) for other in complete)
    )


def _dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    return all(x >= y for x, y in zip(a, b, strict=True)) and list(a) != list(b)


def importance(trials: Sequence[FrozenTrial], search: Search, seed: int) -> Importance:
    """How much of the validation mAP's spread goes back to each parameter, by fANOVA.

    Named and set explicitly, because Optuna 5 changed its default (to PED-ANOVA). Pruned trials
    take no part: their last mAP is not that of a whole training.
    """
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if len(search.space) < 2:
        return Importance({}, "No parameter importance: the search has one parameter.")
    if len(complete) < MIN_FOR_IMPORTANCE:
        return Importance({}, "No parameter importance: fewer than 2 trials are complete.")
    place = search.objectives.index("mAP")
    if len({trial.values[place] for trial in complete}) == 1:
        return Importance({}, "No parameter importance: all trials have the same mAP.")
    shares = _fanova(complete, search, seed, place)
    if not all(math.isfinite(share) for share in shares.values()):
        return Importance({}, "No parameter importance: too few different trials.")
    count = len(complete)
    return Importance(shares, f"Parameter importance ({IMPORTANCE}, {count} complete trials)")


def _fanova(
    complete: Sequence[FrozenTrial], search: Search, seed: int, place: int
) -> dict[str, float]:
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    with quiet():
        study = optuna.create_study(directions=directions(search))
        study.add_trials(list(complete))
        shares = get_param_importances(
            study,
            evaluator=FanovaImportanceEvaluator(n_trees=64, max_depth=64, seed=seed),
            params=list(search.space),
            target=lambda trial: trial.values[place],
            normalize=True,
        )
    return {name: float(share) for name, share in shares.items()}


def sensitivity(rows: Sequence[TrialRow], parameters: Sequence[str]) -> tuple[SensitivityRow, ...]:
    """One line per tried value of a search's only parameter, by value; else none.

    A value that was tried twice is one line: the same settings are the same training.
    """
    if len(parameters) != 1:
        return ()
    (name,) = parameters
    found: dict[Any, SensitivityRow] = {}
    for row in rows:
        if row.complete:
            value = row.params[name]
            line = SensitivityRow(
                value, row.clusters, row.values["mAP"], row.test_mAP, row.test_R1
            )
            found.setdefault(value, line)
    order = sorted(found, key=lambda value: (isinstance(value, str), value))
    return tuple(found[value] for value in order)


def ended(trials: Sequence[FrozenTrial], since: int) -> tuple[int, list[str]]:
    """Return how many trials are finished, and the error kinds of those that failed in a call."""
    kinds = [
        str(trial.user_attrs.get("error_kind", "WorkerDied"))
        for trial in trials
        if failed(trial) and trial.number >= since
    ]
    return sum(finished(trial) for trial in trials), kinds
