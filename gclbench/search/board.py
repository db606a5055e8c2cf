"""The board of a search: which trial is whose, which died and is tried again, when it is done.

Optuna keeps the trials; this adds what it leaves open when several processes work on one study.
Every change of hands happens behind a lock (`Turnstile`), by these rules:

- a trial is claimed only while finished and running ones together are below the target;
- a running trial names its owner (host, process, start time); one whose owner is gone, or whose
  heartbeat stopped long ago, becomes FAIL, and a new trial with the same values is queued, which
  goes on from the artifacts and checkpoints that the dead one left;
- a trial whose training failed says why in its attribute `error` and is not tried again.
"""

from __future__ import annotations

import json
import os
import platform
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import psutil

from gclbench.schema import Search
from gclbench.search.space import distributions, grid_points, pruner, quiet, sampler
from gclbench.search.storage import HEARTBEAT_S, Turnstile

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial, Trial

MAX_DEATHS = 4


class Turn(Enum):
    """What somebody hears who asked for a trial and got none."""

    WAIT = "others work on the last ones"
    DONE = "nothing is left to do"


@dataclass(frozen=True)
class Goal:
    """How many trials are to be finished, and the number from which on trials belong to this call.

    A trial of this call that fails takes one of its places, so that a search whose every trial
    fails comes to an end; the next call tries to fill the place again.
    """

    trials: int
    since: int = 0


class Board:
    """One search in a store. Safe to use from several processes; a thread needs its own."""

    def __init__(self, study: Study, storage: RDBStorage, url: str, search: Search, seed: int):
        self.study, self.storage, self.search, self.seed = study, storage, search, seed
        self.owner = this_process()
        self._turnstile = Turnstile(url, study.study_name)
        self._space = distributions(search)
        self._grid = grid_points(search) if search.sampler == "grid" else []
        study.pruner = pruner(search)

    def trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    # -- taking a trial -----------------------------------------------------------------------

    def claim(self, goal: Goal) -> Trial | Turn:
        """Return a trial with all its values and this process as its owner, or why there is none.

        A trial that was interrupted or whose owner died comes first.
        """
        with self._turnstile():
            trials = self._reap()
            running = sum(trial.state.name == "RUNNING" for trial in trials)
            nothing = Turn.WAIT if running else Turn.DONE
            if running + places_taken(trials, goal) >= goal.trials:
                return nothing
            if not self._prepare(trials, goal):
                return nothing
            return self._take()

    def _prepare(self, trials: list[FrozenTrial], goal: Goal) -> bool:
        """Set up the next draw; False when a grid has no point left."""
        draw = sum(_is_draw(trial, self._space) for trial in trials)
        self.study.sampler = sampler(self.search, self.seed, draw)
        if self.search.sampler != "grid" or any(t.state.name == "WAITING" for t in trials):
            return True
        if draw < len(self._grid):
            self._queue(self._grid[draw])
            return True
        return self._queue_failed_point(trials, goal)

    def _queue_failed_point(self, trials: list[FrozenTrial], goal: Goal) -> bool:
        again = {trial.user_attrs.get("retry_of") for trial in trials}
        for trial in trials:
            if failed(trial) and trial.number < goal.since and trial.number not in again:
                self._queue(_values(trial, self._space) or {}, retry_of=trial.number)
                return True
        return False

    def _queue(self, values: Mapping[str, Any], **attributes: Any) -> None:
        self.study.enqueue_trial(dict(values), {"planned": dict(values), **attributes})

    def _take(self) -> Trial:
        with quiet():
            trial = self.study.ask(fixed_distributions=self._space)
        self._repeat_reports(trial)
        self.storage.record_heartbeat(self._id(trial))
        # Last: a running trial without an owner died right here.
        trial.set_user_attr("owner", self.owner)
        return trial

    def _repeat_reports(self, trial: Trial) -> None:
        """What the trial before told of its epochs; its checkpoints spare training them again."""
        before = trial.user_attrs.get("retry_of")
        if before is None or len(self.search.objectives) > 1:
            return
        for step, value in self.trials()[before].intermediate_values.items():
            trial.report(value, step)

    # -- reaping ------------------------------------------------------------------------------

    def _reap(self) -> list[FrozenTrial]:
        """Fail the trials of the dead, queue their values again, and return all trials."""
        from optuna.storages import fail_stale_trials

        for trial in self.trials():
            if trial.state.name == "RUNNING" and gone(trial.user_attrs.get("owner")):
                self._end(trial.number, "FAIL")
        with quiet():
            fail_stale_trials(self.study)
        trials = self.trials()
        again = {trial.user_attrs.get("retry_of") for trial in trials}
        lost = [t for t in trials if is_lost(t) and t.number not in again]
        for trial in lost:
            values = _values(trial, self._space)
            if values is not None:
                self._queue(values, retry_of=trial.number, deaths=_deaths(trial))
        return self.trials() if lost else trials

    # -- giving it back -----------------------------------------------------------------------

    def complete(self, trial: Trial, values: list[float], notes: Mapping[str, Any]) -> None:
        """Finish a trial with a value per objective."""
        if self._note(trial, notes):
            self._end(trial.number, "COMPLETE", values)

    def prune(self, trial: Trial, notes: Mapping[str, Any]) -> None:
        if self._note(trial, notes):
            self._end(trial.number, "PRUNED")

    def fail(self, trial: Trial, error: str, kind: str) -> None:
        """Record a failure of the training: one line for the user, the error's class name."""
        if self._note(trial, {"error_kind": kind, "error": error}):
            self._end(trial.number, "FAIL")

    def release(self, trial: Trial) -> None:
        """Give up a trial that was interrupted; its values are tried again."""
        if self._note(trial, {"interrupted": True}):
            self._end(trial.number, "FAIL")

    @contextmanager
    def heartbeat(self, trial: Trial) -> Iterator[None]:
        """Tell other hosts all the while that the trial's owner is alive."""
        number, stop = self._id(trial), threading.Event()

        def beat() -> None:
            while not stop.wait(HEARTBEAT_S):
                # A store that is away for a moment must not end a training.
                with suppress(Exception):
                    self.storage.record_heartbeat(number)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _note(self, trial: Trial, notes: Mapping[str, Any]) -> bool:
        """Set attributes; False when somebody took this process for dead and ended the trial."""
        try:
            for name, value in notes.items():
                trial.set_user_attr(name, value)
        except RuntimeError:  # Optuna's UpdateFinishedTrialError, which 4.0 has no name for yet
            return False
        return True

    def _end(self, number: int, state: str, values: list[float] | None = None) -> None:
        from optuna.trial import TrialState

        with suppress(RuntimeError):  # as in `_note`
            self.study.tell(number, values, TrialState[state], skip_if_finished=True)

    def _id(self, trial: Trial) -> int:
        study = self.storage.get_study_id_from_name(self.study.study_name)
        return self.storage.get_trial_id_from_study_id_trial_number(study, trial.number)


def places_taken(trials: list[FrozenTrial], goal: Goal) -> int:
    """Return how many of the goal's trials are finished, or failed in this call."""
    done = sum(finished(trial) for trial in trials)
    return done + sum(failed(trial) and trial.number >= goal.since for trial in trials)


def finished(trial: FrozenTrial) -> bool:
    return trial.state.name in ("COMPLETE", "PRUNED")


def failed(trial: FrozenTrial) -> bool:
    """Whether the training failed, or its worker died too often to try again."""
    return trial.state.name == "FAIL" and not is_lost(trial)


def is_lost(trial: FrozenTrial) -> bool:
    """Whether the trial ended with its worker, so that its values are (or will be) tried again."""
    if trial.state.name != "FAIL" or "error" in trial.user_attrs:
        return False
    return _deaths(trial) <= MAX_DEATHS


def _deaths(trial: FrozenTrial) -> int:
    """How often these values cost a worker its life; being interrupted does not count."""
    before = int(trial.user_attrs.get("deaths", 0))
    return before + (0 if trial.user_attrs.get("interrupted") else 1)


def _values(trial: FrozenTrial, space: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values of a trial; None for one whose owner died before all were drawn."""
    planned = trial.user_attrs.get("planned")
    if planned is not None:
        return dict(planned)
    return dict(trial.params) if set(trial.params) == set(space) else None


def _is_draw(trial: FrozenTrial, space: Mapping[str, Any]) -> bool:
    return "retry_of" not in trial.user_attrs and _values(trial, space) is not None


def this_process() -> str:
    """Return who this process is, as text: host, process number, start time."""
    own = psutil.Process()
    return json.dumps({"host": _host(), "pid": own.pid, "started": own.create_time()})


def gone(owner: str | None) -> bool:
    """Say whether an owner is a process of this host that has ended (or there is no owner)."""
    if owner is None:
        return True
    named = json.loads(owner)
    if named["host"] != _host():
        return False  # only its heartbeat can tell
    try:
        process = psutil.Process(named["pid"])
        same = abs(process.create_time() - named["started"]) < 1.0
        return not same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _host() -> str:
    """The host's name and, on Linux, the space in which process numbers are unique."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{platform.node()} {space}".strip()
