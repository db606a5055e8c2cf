"""A worker's life: complete, pruned, failed and interrupted trials; a crew of processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import GclbenchError, TrainingError
from gclbench.executors.events import NodeStopped
from gclbench.search import run as run_module
from gclbench.search.run import run_search
from gclbench.search.trial import Measured
from gclbench.search.tuning import Tuning, open_board
from gclbench.search.worker import work

EPS = "joint.pseudo_labels.eps"
Make = Callable[..., Tuning]

MODULE = """
import os, signal, time
from gclbench.search.trial import Measured

def good(tuning, values, report):
    time.sleep(0.05)
    return Measured({"mAP": 1.0}, {"worker": os.getpid()})

def deadly_once(tuning, values, report):
    flag = tuning.question.home / "died"
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Measured({"mAP": 1.0})

def deadly(tuning, values, report):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def objectives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Objectives that another process can import."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "search_objectives.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "code")
    import search_objectives  # type: ignore[import-not-found]

    return search_objectives


def trials(tuning: Tuning) -> list[Any]:
    return open_board(tuning).trials()


def states(tuning: Tuning) -> list[str]:
    return [trial.state.name for trial in trials(tuning)]


def test_a_search_climbs_and_a_second_call_runs_nothing(make: Make, objective: Any) -> None:
    tuning = make(trials=15)
    work(tuning, objective)
    scores = [trial.value for trial in trials(tuning)]
    assert len(scores) == 15
    assert max(scores[5:]) > max(scores[:5])
    work(tuning, lambda *arguments: 1 / 0)
    assert len(trials(tuning)) == 15


def test_one_worker_repeats_itself_even_when_it_is_interrupted(make: Make, objective: Any) -> None:
    from dataclasses import replace

    calm, broken = (replace(make(trials=9), name=name) for name in ("calm", "broken"))
    work(calm, objective)
    left = [7]

    def interrupts(*arguments: Any) -> Measured:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        measured: Measured = objective(*arguments)
        return measured

    with pytest.raises(KeyboardInterrupt):
        work(broken, interrupts)
    work(broken, objective)

    def values(tuning: Tuning) -> list[float]:
        return [t.params[EPS] for t in trials(tuning) if t.state.name == "COMPLETE"]

    assert values(calm) == values(broken)
    assert len(trials(broken)) == 10


def test_a_trial_below_the_median_is_pruned_after_the_warm_up_epochs(make: Make) -> None:
    tuning = make(trials=6, pruner="median", startup_trials=2, warmup_epochs=2)
    epochs: list[int] = []

    def falls(tuning: Tuning, values: Any, report: Any) -> Measured:
        level, heard = 50.0 - len(epochs) * 5, 0
        epochs.append(0)
        for epoch in range(1, 5):
            heard = epoch
            if report(epoch, level + epoch):
                epochs[-1] = heard
                raise NodeStopped
        epochs[-1] = heard
        return Measured({"mAP": level})

    work(tuning, falls)
    assert states(tuning) == ["COMPLETE"] * 2 + ["PRUNED"] * 4
    assert epochs == [4, 4, 2, 2, 2, 2]
    assert trials(tuning)[2].intermediate_values == {1: 41.0, 2: 42.0}
    assert trials(tuning)[2].user_attrs["seconds"] >= 0


def test_two_objectives_are_both_kept(make: Make, objective: Any) -> None:
    tuning = make(trials=6, sampler="nsga2", objectives=["mAP", "seconds"], population=3)
    work(tuning, objective)
    assert all(len(trial.values) == 2 for trial in trials(tuning))
    best = open_board(tuning).study.best_trials
    assert 0 < len(best) <= 6


def test_a_failure_is_recorded_and_does_not_stop_the_rest(make: Make) -> None:
    tuning, count = make(trials=3), [0]

    def second_fails(*arguments: Any) -> Measured:
        count[0] += 1
        if count[0] == 2:
            raise TrainingError("l_vi is not finite.", "Lower joint.lr.")
        return Measured({"mAP": 1.0})

    work(tuning, second_fails)
    assert states(tuning) == ["COMPLETE", "FAIL", "COMPLETE"]
    notes = trials(tuning)[1].user_attrs
    assert notes["error"] == "l_vi is not finite. Lower joint.lr."
    assert notes["error_kind"] == "TrainingError"


def test_a_search_whose_every_trial_fails_ends(make: Make) -> None:
    tuning = make(trials=4)
    work(tuning, lambda *arguments: 1 / 0)
    assert states(tuning) == ["FAIL"] * 4
    error = trials(tuning)[0].user_attrs["error"]
    assert error.startswith("ZeroDivisionError: division by zero (")
    assert "test_worker.py:" in error


def test_processes_share_the_work_and_tell_of_every_trial_once(
    make: Make, objectives: Any
) -> None:
    heard: list[int] = []
    tuning = make(trials=8)
    done = run_search(tuning, lambda trial: heard.append(trial.number), 2, 1, objectives.good)
    assert sorted(heard) == list(range(8))
    assert {trial.state.name for trial in done} == {"COMPLETE"}
    assert len({trial.user_attrs["worker"] for trial in done}) == 2


def test_a_worker_that_is_killed_is_replaced_and_its_trial_tried_again(
    make: Make, objectives: Any
) -> None:
    tuning = make(trials=3)
    done = run_search(tuning, lambda trial: None, 2, 1, objectives.deadly_once)
    ends = [trial.state.name for trial in done]
    assert (ends.count("COMPLETE"), ends.count("FAIL")) == (3, 1)
    (lost,) = [trial for trial in done if trial.state.name == "FAIL"]
    (again,) = [trial for trial in done if trial.user_attrs.get("retry_of") == lost.number]
    assert again.params == lost.params


def test_workers_that_keep_dying_end_the_search(make: Make, objectives: Any) -> None:
    with pytest.raises(GclbenchError, match=r"keep dying.*SIGKILL"):
        run_search(make(trials=9), lambda trial: None, 2, 1, objectives.deadly)


def test_an_interrupt_ends_the_workers(
    make: Make, objectives: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crews: list[Any] = []
    stop = run_module._stop

    def watched(crew: Any) -> None:
        crews.extend(crew)
        stop(crew)

    def interrupt(trial: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "_stop", watched)
    with pytest.raises(KeyboardInterrupt):
        run_search(make(trials=500), interrupt, 2, 1, objectives.good)
    assert len(crews) == 2
    assert not any(worker.process.is_alive() for worker in crews)
