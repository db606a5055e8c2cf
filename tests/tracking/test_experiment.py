from __future__ import annotations

import logging
import math
import os
import signal
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gclbench.errors import MissingExtraError, TrainingError, UnknownNameError, UsageError
from gclbench.schema import Conditions, NodeRecord, RunStatus
from gclbench.tracking import Point, Reader, RunStore
from gclbench.tracking.environment import package_versions
from gclbench.tracking.experiment import LogMetric, new_run_id, tracked_run
from gclbench.tracking.observer import RunObserver, observer_from_url

CONFIG = {
    "key": "k1",
    "stage": "joint",
    "label": "a label",
    "seed": 5,
    "settings": {"joint": {"losses": ["l_vi"], "alpha": 0.6, "root": None}},
}


def record(**values: object) -> NodeRecord:
    return NodeRecord(
        **{"key": "k1", "stage": "joint", "seed": 5, "label": "a label", "settings": {}, **values}
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(f"sqlite:///{tmp_path}/store.db")


def test_a_run_is_stored_with_config_metrics_files_and_versions(store: RunStore) -> None:
    def work(log: LogMetric) -> NodeRecord:
        for step in (1, 2, 3):
            log("loss", 1 / step, step)
        return record(metrics={"mAP": 41.5}, files={"encoder.pt": "ab" * 32})

    returned = tracked_run(CONFIG, "run-1", [RunObserver(store)], work)
    assert returned.metrics == {"mAP": 41.5}
    reader = Reader(store)
    run = reader.run("run-1")
    assert (run.node_key, run.stage, run.seed) == ("k1", "joint", 5)
    assert run.status is RunStatus.COMPLETED
    assert run.config == CONFIG
    assert run.result == {"mAP": 41.5}
    assert run.stopped is not None
    assert run.started <= run.stopped
    assert run.versions == package_versions()
    assert run.host["cores"] == str(os.cpu_count())
    assert reader.metric("run-1", "loss") == [Point(1, 1.0), Point(2, 0.5), Point(3, 1 / 3)]
    assert reader.artifacts("run-1") == {"encoder.pt": "ab" * 32}


def test_a_run_says_on_what_it_ran_and_which_attempt_it_is(store: RunStore) -> None:
    here = Conditions(
        cpu_model="a CPU",
        instruction_set="avx2",
        threads=2,
        device="cpu",
        engine="inline",
        packages={"mine": {"version": "1.0"}},
    )
    for number in (1, 2):
        observer = RunObserver(store, here)
        tracked_run(CONFIG, f"run-{number}", [observer], lambda log: record())
        assert observer.conditions == here.model_copy(update={"attempt": number})
    run = Reader(store).run("run-2")
    assert (run.cpu_model, run.instruction_set, run.threads) == ("a CPU", "avx2", 2)
    assert (run.device, run.engine, run.attempt) == ("cpu", "inline", 2)
    assert run.packages == {"mine": {"version": "1.0"}}
    assert run.seconds is not None
    assert 0 < run.seconds < 60
    assert run.peak_memory_mb is not None
    assert run.peak_memory_mb > 10


def test_what_is_not_known_of_a_run_is_none(store: RunStore) -> None:
    tracked_run(CONFIG, "run-1", [RunObserver(store)], lambda log: record())
    run = Reader(store).run("run-1")
    assert (run.cpu_model, run.threads, run.device, run.engine) == (None,) * 4
    assert (run.packages, run.attempt) == ({}, 1)


def test_a_metric_that_is_not_a_number_is_stored_as_none(store: RunStore) -> None:
    def work(log: LogMetric) -> NodeRecord:
        log("loss", math.nan, 1)
        return record()

    tracked_run(CONFIG, "run-1", [RunObserver(store)], work)
    assert Reader(store).metric("run-1", "loss") == [Point(1, None)]


def test_a_run_that_goes_on_is_running_and_keeps_the_end_of_what_it_said(store: RunStore) -> None:
    seen = []

    def work(log: LogMetric) -> NodeRecord:
        seen.append(Reader(store).run("run-1"))
        logging.getLogger("gclbench").info("first words %s last words", "x" * 30_000)
        return record()

    tracked_run(CONFIG, "run-1", [RunObserver(store)], work)
    assert [(run.status, run.stopped) for run in seen] == [(RunStatus.RUNNING, None)]
    said = Reader(store).run("run-1").output or ""
    assert said.endswith("last words\n")
    assert "first words" not in said


def test_an_error_passes_through_and_marks_the_run_failed(store: RunStore) -> None:
    def work(log: LogMetric) -> NodeRecord:
        log("loss", 2.0, 1)
        raise TrainingError("loss is not finite.")

    with pytest.raises(TrainingError, match="not finite"):
        tracked_run(CONFIG, "run-1", [RunObserver(store)], work)
    run = Reader(store).run("run-1")
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert "TrainingError: loss is not finite." in run.error
    assert Reader(store).metric("run-1", "loss") == [Point(1, 2.0)]


def test_of_a_long_error_the_end_is_kept(store: RunStore) -> None:
    def work(log: LogMetric) -> NodeRecord:
        raise TrainingError(f"first {'x' * 30_000} last")

    with pytest.raises(TrainingError):
        tracked_run(CONFIG, "run-1", [RunObserver(store)], work)
    error = Reader(store).run("run-1").error or ""
    assert error.rstrip().endswith("last")
    assert "Traceback" not in error


def test_times_are_stored_in_utc(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        before = datetime.now(UTC)
        tracked_run(CONFIG, "run-1", [RunObserver(store)], lambda log: record())
    finally:
        monkeypatch.undo()
        time.tzset()
    run = Reader(store).run("run-1")
    for text in (run.started, run.stopped or ""):
        assert 0 <= (datetime.fromisoformat(text) - before).total_seconds() < 60


def test_what_the_package_logs_is_as_before_afterwards(store: RunStore) -> None:
    package = logging.getLogger("gclbench")
    before = list(package.handlers)
    for level in (logging.ERROR, logging.NOTSET):
        package.setLevel(level)
        tracked_run(CONFIG, f"run-{level}", [RunObserver(store)], lambda log: record())
        assert (package.level, package.handlers) == (level, before)


def test_ctrl_c_marks_the_run_interrupted(
    store: RunStore, caplog: pytest.LogCaptureFixture
) -> None:
    def work(log: LogMetric) -> NodeRecord:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tracked_run(CONFIG, "run-1", [RunObserver(store)], work)
    assert Reader(store).run("run-1").status is RunStatus.INTERRUPTED
    assert caplog.messages == []  # Sacred's "Aborted after" would stand among the bars


def test_sigterm_marks_the_run_interrupted_and_the_handler_is_put_back(store: RunStore) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def work(log: LogMetric) -> NodeRecord:
        log("loss", 2.0, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        return record()

    with pytest.raises(KeyboardInterrupt):
        tracked_run(CONFIG, "run-1", [RunObserver(store)], work)
    assert Reader(store).run("run-1").status is RunStatus.INTERRUPTED
    assert Reader(store).metric("run-1", "loss") == [Point(1, 2.0)]
    assert signal.getsignal(signal.SIGTERM) == before


def test_log_records_and_warnings_are_the_output(store: RunStore) -> None:
    def work(log: LogMetric) -> NodeRecord:
        logging.getLogger("gclbench.stages").info("epoch 3 resumed")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn("few clusters", stacklevel=1)
        return record()

    tracked_run(CONFIG, "run-1", [RunObserver(store)], work)
    output = Reader(store).run("run-1").output
    assert output is not None
    assert "epoch 3 resumed" in output


def test_the_terminal_is_left_alone(store: RunStore, capfd: pytest.CaptureFixture[str]) -> None:
    def work(log: LogMetric) -> NodeRecord:
        sys.stdout.write("from the stage\n")
        return record()

    tracked_run(CONFIG, "run-1", [RunObserver(store)], work)
    out, err = capfd.readouterr()
    assert out == "from the stage\n"
    assert err == ""


def test_the_callers_config_is_not_changed() -> None:
    config = {**CONFIG, "settings": {"joint": {"losses": ["l_vi"]}}}
    tracked_run(config, "run-1", [], lambda log: record())
    assert config == {**CONFIG, "settings": {"joint": {"losses": ["l_vi"]}}}


def test_a_config_without_identity_is_refused() -> None:
    with pytest.raises(UsageError, match="lacks key, seed"):
        tracked_run({"stage": "gan", "label": "x"}, "run-1", [], lambda log: record())


def test_run_ids_of_one_node_differ_and_name_it() -> None:
    first, second = new_run_id("abcdef" * 10), new_run_id("abcdef" * 10)
    assert first != second
    assert first.startswith("abcdefabcdef-")


def test_a_file_observer_by_url_stores_beside_ours(store: RunStore, tmp_path: Path) -> None:
    observers = [RunObserver(store), observer_from_url(f"file://{tmp_path}/sacred")]
    tracked_run(CONFIG, "run-1", observers, lambda log: record())
    assert (tmp_path / "sacred" / "run-1" / "config.json").is_file()


def test_an_observer_url_that_is_unknown_is_a_usage_error() -> None:
    with pytest.raises(UnknownNameError, match="mongo"):
        observer_from_url("mango://host/name")
    with pytest.raises(UsageError, match="is not an observer"):
        observer_from_url("somewhere")


def test_a_mongo_observer_without_pymongo_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymongo", None)
    with pytest.raises(MissingExtraError, match="pymongo"):
        observer_from_url("mongo://localhost/gclbench")


def test_importing_the_package_does_not_import_sacred_or_torch() -> None:
    code = (
        "import sys, gclbench.tracking, gclbench.plan, gclbench.content, gclbench.executors\n"
        "sys.exit(any(name in sys.modules for name in ('sacred', 'torch')))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_sacred_imports_without_a_warning() -> None:
    code = "import gclbench.tracking.experiment"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr == ""
