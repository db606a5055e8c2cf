"""Claims are exact, the dead are found, and their values are tried again."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from optuna.trial import FrozenTrial, Trial
from sqlalchemy import text

from gclbench.search import board as module
from gclbench.search.board import MAX_DEATHS, Board, Goal, Turn, failed, gone, is_lost
from gclbench.search.tuning import Tuning, open_board
from gclbench.tracking.store import RunStore

EPS = "joint.pseudo_labels.eps"
Make = Callable[..., Tuning]
Open = Callable[..., Board]

CLAIMS = """
import sys
from gclbench.content import Content
from gclbench.study.question import Question
from gclbench.search.board import Goal
from gclbench.search.tuning import Tuning
from gclbench.search.trial import Measured
from gclbench.search.worker import work
from pathlib import Path
home = Path(sys.argv[1])
study = Content().study("dbscan_eps")
request = Question(("dbscan_eps",), home, profile="smoke", searching=True)
store = f"sqlite:///{home}/store.db"
tuning = Tuning(request, study, study.search, store, "a-search", Goal(15))
work(tuning, lambda tuning, values, report: Measured({"mAP": 1.0}), poll_s=0.05)
"""


def take(board: Board, goal: Goal) -> Trial:
    trial = board.claim(goal)
    assert isinstance(trial, Trial)
    return trial


def finish(board: Board, trial: Trial) -> None:
    board.complete(trial, [1.0], {})


def die(board: Board, trial: Trial) -> None:
    """Make the trial's owner a process of this host that is gone."""
    dead = {**json.loads(board.owner), "started": 1.0}
    trial.set_user_attr("owner", json.dumps(dead))


def by_number(board: Board) -> dict[int, FrozenTrial]:
    return {trial.number: trial for trial in board.trials()}


def states(board: Board) -> list[str]:
    return [trial.state.name for trial in board.trials()]


def test_no_more_trials_run_than_are_wanted(board: Open) -> None:
    own, goal = board(), Goal(2)
    first, second = take(own, goal), take(own, goal)
    assert own.claim(goal) is Turn.WAIT
    finish(own, first)
    assert own.claim(goal) is Turn.WAIT
    finish(own, second)
    assert own.claim(goal) is Turn.DONE
    assert own.claim(Goal(1)) is Turn.DONE
    assert take(own, Goal(3)).number == 2


def test_threads_that_share_a_search_finish_exactly_what_is_wanted(make: Make) -> None:
    tuning = make(trials=12)

    def work() -> None:
        own = open_board(tuning)
        while (trial := own.claim(tuning.goal)) is not Turn.DONE:
            if isinstance(trial, Trial):
                finish(own, trial)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trials = open_board(tuning).trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 12
    assert len({trial.params[EPS] for trial in trials}) == 12


def test_processes_that_share_a_search_finish_exactly_what_is_wanted(make: Make) -> None:
    tuning = make(trials=15)
    command = [sys.executable, "-c", CLAIMS, str(tuning.question.home)]
    workers = [subprocess.Popen(command) for _ in range(2)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    trials = open_board(tuning).trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 15


def test_a_dead_owners_values_are_tried_again_with_what_it_reported(board: Open) -> None:
    own, goal = board(pruner="median"), Goal(1)
    trial = take(own, goal)
    trial.report(12.5, 1)
    die(own, trial)
    again = take(own, goal)
    assert again.params == trial.params
    assert again.user_attrs["retry_of"] == trial.number
    assert by_number(own)[again.number].intermediate_values == {1: 12.5}
    assert states(own) == ["FAIL", "RUNNING"]
    finish(own, again)
    assert own.claim(goal) is Turn.DONE


def test_a_trial_whose_owner_died_while_claiming_it_is_drawn_anew(board: Open) -> None:
    own = board()
    own.study.ask()  # killed before a value was drawn
    own.study.ask(own._space)  # killed before it had an owner
    first, second = take(own, Goal(2)), take(own, Goal(2))
    assert first.user_attrs["retry_of"] == 1
    assert "retry_of" not in second.user_attrs
    assert states(own)[:2] == ["FAIL", "FAIL"]


def test_the_draws_of_a_search_do_not_depend_on_who_died(make: Make, tmp_path: Any) -> None:
    goal = Goal(4)

    def values(name: str, deaths: int) -> list[float]:
        own = open_board(replace(make(sampler="random"), name=name))
        for _ in range(deaths):
            die(own, take(own, goal))
        while isinstance(trial := own.claim(goal), Trial):
            finish(own, trial)
        return [t.params[EPS] for t in own.trials() if t.state.name == "COMPLETE"]

    assert values("calm", 0) == values("deadly", 3)


def test_a_silent_owner_on_another_host_is_taken_for_dead(make: Make) -> None:
    own = open_board(make())
    trial = take(own, Goal(1))
    away = {"host": "elsewhere", "pid": 1, "started": 1.0}
    trial.set_user_attr("owner", json.dumps(away))
    assert own.claim(Goal(1)) is Turn.WAIT  # its heartbeat is fresh
    with RunStore(make().store).transaction() as connection:
        connection.execute(text("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'"))
    assert take(own, Goal(1)).user_attrs["retry_of"] == trial.number


def test_one_who_was_taken_for_dead_cannot_end_the_trial(board: Open) -> None:
    own = board()
    trial = take(own, Goal(1))
    die(own, trial)
    again = take(own, Goal(1))
    finish(own, trial)
    own.fail(trial, "too late", "TrainingError")
    finish(own, again)
    assert states(own) == ["FAIL", "COMPLETE"]
    assert "error" not in by_number(own)[trial.number].user_attrs


def test_values_that_kill_every_worker_are_given_up(board: Open) -> None:
    own, goal = board(), Goal(1)
    for _ in range(MAX_DEATHS + 1):
        die(own, take(own, goal))
    assert own.claim(goal) is Turn.DONE
    assert [is_lost(trial) for trial in own.trials()] == [True] * MAX_DEATHS + [False]
    assert failed(own.trials()[-1])


def test_being_interrupted_costs_nothing(board: Open) -> None:
    own, goal = board(), Goal(1)
    for _ in range(MAX_DEATHS + 3):
        own.release(take(own, goal))
    assert isinstance(own.claim(goal), Trial)
    assert len({trial.params[EPS] for trial in own.trials()}) == 1


def test_a_failure_takes_a_place_of_this_call_and_the_next_call_fills_it(board: Open) -> None:
    own = board()
    own.fail(take(own, Goal(2)), "l_vi is not finite.", "TrainingError")
    finish(own, take(own, Goal(2)))
    assert own.claim(Goal(2)) is Turn.DONE
    assert isinstance(own.claim(Goal(2, since=2)), Trial)


GRID: dict[str, Any] = {"sampler": "grid", "space": {EPS: {"choices": [0.4, 0.5, 0.6]}}}


def test_a_grid_goes_in_order_and_stops_where_it_ends(board: Open) -> None:
    own = board(**GRID)
    seen = []
    while isinstance(trial := own.claim(Goal(99)), Trial):
        seen.append(trial.params[EPS])
        finish(own, trial)
    assert (seen, trial) == ([0.4, 0.5, 0.6], Turn.DONE)


def test_a_failed_point_of_a_grid_is_tried_again_by_the_next_call_only(board: Open) -> None:
    own = board(**GRID)
    own.fail(take(own, Goal(3)), "no", "TrainingError")
    while isinstance(trial := own.claim(Goal(3)), Trial):
        finish(own, trial)
    again = take(own, Goal(3, since=3))
    assert again.params[EPS] == 0.4
    own.fail(again, "no", "TrainingError")
    assert own.claim(Goal(3, since=3)) is Turn.DONE


def test_a_point_whose_worker_died_is_drawn_once_more_and_no_other_is_skipped(board: Open) -> None:
    own = board(**GRID)
    die(own, take(own, Goal(3)))
    seen = []
    while isinstance(trial := own.claim(Goal(3)), Trial):
        seen.append(trial.params[EPS])
        finish(own, trial)
    assert seen == [0.4, 0.5, 0.6]


def test_an_owner_is_this_process_and_not_one_that_has_its_number_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = module.this_process()
    assert not gone(owner)
    assert gone(None)
    assert gone(json.dumps({**json.loads(owner), "started": 5.0}))
    assert gone(json.dumps({**json.loads(owner), "pid": 2**22 + 1}))
    monkeypatch.setattr(module, "_host", lambda: "elsewhere")
    assert not gone(owner)


def test_the_heartbeat_goes_on_while_a_trial_runs(
    board: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.01)
    own = board()
    trial = take(own, Goal(1))
    heard = threading.Event()
    monkeypatch.setattr(own.storage, "record_heartbeat", lambda number: heard.set())
    with own.heartbeat(trial):
        assert heard.wait(timeout=10)
