"""A study carried to another home: everything is reused there, and the table is the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import DataMissingError, UsageError
from gclbench.executors.events import Outcome
from gclbench.plan.unpack import Arrival
from gclbench.results.measured import Measured
from gclbench.running.run import asked_for, run_study
from gclbench.runtime.parcel import export_study, import_parcel
from gclbench.study.opened import OpenStudy, open_study
from gclbench.tracking import Reader, RunStore

Open = Callable[..., OpenStudy]
SCORES = {"mAP": 40.0, "R1": 60.0, "R5": 80.0, "R10": 90.0}


@pytest.fixture
def measured(open_one: Open, commit: Any, stage: Callable[[str, Any], None]) -> OpenStudy:
    """Two rows of one task; all but the last evaluation are finished."""
    opened = open_one(rows=("baseline", "multi"), tasks=("market1501",), executor="inline")
    for node in opened.plan.nodes[:-1]:
        commit(opened, node, SCORES, ap=[0.25, 0.5])
    RunStore(opened.store_url).remember(asked_for(opened))
    return opened


def elsewhere(opened: OpenStudy, home: Path) -> OpenStudy:
    return open_study(replace(opened.question, home=home))


def test_a_study_is_reused_in_its_new_home(measured: OpenStudy, tmp_path: Path) -> None:
    out, home = tmp_path / "parcels" / "p.tar.gz", tmp_path / "new"
    sent = export_study(measured, out)
    assert (sent.nodes, sent.finished) == (len(measured.plan.nodes), len(measured.plan.nodes) - 1)
    assert sent.size_mb > 0
    there = elsewhere(measured, home)
    received = import_parcel(out, home, there.store_url)
    assert received.count(Arrival.ADDED) == sent.finished
    assert there.summary() == measured.summary()
    assert there.plan.needed(there.artifacts.has) == measured.plan.needed(measured.artifacts.has)
    assert set(Measured(there).scores(there.studies[0])) == set(
        Measured(measured).scores(measured.studies[0])
    )
    again = import_parcel(out, home, there.store_url)
    assert (again.count(Arrival.THERE), again.count(Arrival.ADDED)) == (sent.finished, 0)


def test_what_was_asked_for_comes_along_and_nothing_else(
    measured: OpenStudy, open_one: Open, tmp_path: Path
) -> None:
    part = open_one(rows=("baseline", "none"), tasks=("market1501",))
    export_study(part, tmp_path / "p.tar")
    url = f"sqlite:///{tmp_path / 'new' / 'store.db'}"
    import_parcel(tmp_path / "p.tar", tmp_path / "new", url)
    asked = RunStore(url).requests("table6", "smoke", {})
    assert [(cell.row, cell.seed) for cell in asked] == [("baseline", 0)]


def test_runs_come_along(
    small: OpenStudy, stage: Callable[[str, Any], None], tmp_path: Path
) -> None:
    def log(context: Any) -> dict[str, float]:
        context.log("loss", 0.5, 1)
        return {}

    stage("pretrain", log)
    stage("warmup", lambda context: 1 / 0)
    small = open_study(replace(small.question, executor="inline"))
    outcome = run_study(small, lambda event: None)
    assert outcome.count(Outcome.COMPLETED) == 1
    export_study(small, tmp_path / "p.tar")
    url = f"sqlite:///{tmp_path / 'new' / 'store.db'}"
    received = import_parcel(tmp_path / "p.tar", tmp_path / "new", url)
    assert received.runs == 1
    (run,) = Reader(RunStore(url)).runs()
    assert (run.stage, run.attempt) == ("pretrain", 1)
    assert [point.value for point in Reader(RunStore(url)).metric(run.id, "loss")] == [0.5]


def test_exporting_writes_nothing_into_the_home(measured: OpenStudy, tmp_path: Path) -> None:
    RunStore(measured.store_url).close()
    home = measured.question.home

    def listing() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}

    before = listing()
    export_study(measured, tmp_path / "p.tar")
    assert listing() == before


def test_nothing_finished_is_missing_data(small: OpenStudy, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="nothing of table6 is finished"):
        export_study(small, tmp_path / "p.tar")
    with pytest.raises(UsageError, match="not the name of a parcel"):
        export_study(small, tmp_path / "p.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_read_is_found_before_artifacts_appear(
    measured: OpenStudy, tmp_path: Path
) -> None:
    export_study(measured, tmp_path / "p.tar")
    store = tmp_path / "new" / "store.db"
    store.parent.mkdir()
    store.write_bytes(b"no database" * 100)
    with pytest.raises(DataMissingError, match="damaged or not a store"):
        import_parcel(tmp_path / "p.tar", store.parent, f"sqlite:///{store}")
    assert list(store.parent.iterdir()) == [store]
