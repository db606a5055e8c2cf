"""Store, manifests and parcels with changed bytes: one clear line and a documented exit code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gclbench.cli.app import main
from gclbench.errors import GclbenchError
from gclbench.results.measured import Measured
from gclbench.study.opened import OpenStudy, open_study
from gclbench.study.question import Question
from gclbench.tracking import Reader, RunStore, known_store
from gclbench.tracking.engines import release
from gclbench.tracking.place import store_url
from tests.mutations import mutations

WORDS = ("profile=smoke", "pretrain.kind=random", "rows=baseline", "tasks=market1501", "seeds=0")
FEW, MANY = 30, 300
CODES = (0, 1, 2, 3, 5)
AMOUNTS = [FEW, pytest.param(MANY, marks=pytest.mark.slow)]
Told = Callable[..., str]


def question(home: Path) -> Question:
    return Question(
        ("table6",), home, "smoke", (0,), ("baseline",), ("market1501",),
        overrides={"pretrain.kind": "random"},
    )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """One finished cell, and its request in the store."""
    home = tmp_path / "home"
    opened = open_study(question(home))
    for node in opened.plan.nodes:
        with opened.artifacts.workspace(node) as space:
            np.savez(space.folder / "per_query.npz", ap=np.array([0.3, 0.5]))
            space.commit(node.record(metrics={"mAP": 40.0, "R1": 50.0, "R5": 60.0, "R10": 70.0}))
    store = RunStore(opened.store_url)
    cell = opened.cells[0]
    store.remember(
        [
            {
                "study": "table6", "profile": "smoke",
                "overrides": dict(opened.question.overrides), "seed": 0, "row": "baseline",
                "task": "market1501",
                "node_key": opened.plan.evaluate_key(cell),
            }
        ]
    )  # fmt: skip
    store.close()
    return home


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Told:
    """Call the command line; what it says is a line for a user, whatever it was given."""

    def call(*words: str) -> str:
        code = main(words)
        seen = capfd.readouterr()
        text = seen.out + seen.err
        assert code in CODES, text
        assert "Traceback" not in text
        assert "this is a fault of gclbench" not in text
        assert bool(seen.err) == (code != 0) or seen.err.startswith(("note", "warning")), text
        return text

    return call


def changed(path: Path, count: int, seed: int) -> Iterator[bytes]:
    data = path.read_bytes()
    for content in mutations(data, count, seed):
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        yield content
    path.write_bytes(data)


def read(home: Path) -> None:
    """Read what verbs read of a store; an error other than ours passes through."""
    with suppress(GclbenchError):
        store = known_store(home)
        assert store is not None
        for each in store.studies():
            store.requests(each.study, each.profile, each.overrides)
        for run in Reader(store).runs():
            Reader(store).metric_names(run.id)


def score(opened: OpenStudy) -> float | None:
    """The one score of the study, if it is a result; a damaged one is named."""
    found, (study,) = Measured(opened), opened.studies
    scores = found.scores(study)
    assert bool(scores) != bool(found.damaged(study))
    return next(iter(scores.values()))[0].metrics["mAP"] if scores else None


@pytest.mark.parametrize("count", AMOUNTS)
def test_a_store_with_changed_bytes_is_read_or_refused(home: Path, told: Told, count: int) -> None:
    url = store_url(home)
    for number, _ in enumerate(changed(home / "store.db", count, seed=1)):
        release(url)
        read(home)
        if number % 10 == 0:
            told("report", "table6", *WORDS, f"home={home}")
    release(url)
    assert "40.0" in told("report", "table6", *WORDS, f"home={home}")


@pytest.mark.parametrize("count", AMOUNTS)
@pytest.mark.parametrize("name", ["manifest.json", "per_query.npz"])
def test_an_artifact_with_changed_bytes_is_never_a_result(
    home: Path, told: Told, name: str, count: int
) -> None:
    opened = open_study(question(home))
    (path,) = (home / "artifacts" / "evaluate").glob(f"*/{name}")
    sound = path.read_bytes()
    for number, content in enumerate(changed(path, count, seed=2)):
        assert score(opened) == (40.0 if means_the_same(content, sound) else None)
        if number % 10 == 0:
            told("report", "table6", *WORDS, f"home={home}")
    assert score(opened) == 40.0


def means_the_same(content: bytes, sound: bytes) -> bool:
    """Whether it is the same JSON, which spaces and line ends do not change."""
    try:
        return bool(json.loads(content) == json.loads(sound))
    except (ValueError, RecursionError):
        return False


@pytest.mark.parametrize("count", AMOUNTS)
@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_a_parcel_with_changed_bytes_is_refused_before_anything_is_there(
    home: Path, told: Told, tmp_path: Path, suffix: str, count: int
) -> None:
    parcel, new = tmp_path / f"p{suffix}", tmp_path / "new"
    told("export", "table6", f"out={parcel}", *WORDS, f"home={home}")
    sound = parcel.read_bytes()
    for content in changed(parcel, count, seed=4):
        text = told("import", str(parcel), f"home={new}")
        there = sorted(new.glob("artifacts/*/*/manifest.json"))
        if "error" in text:
            assert there == [] or content == sound
        shutil.rmtree(new, ignore_errors=True)
        release(store_url(new))


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to look like one" * 90)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def link_in_a_circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("spoil", [garbage, folder, half, link_in_a_circle])
@pytest.mark.parametrize("verb", ["report", "run", "export", "tune"])
def test_what_is_no_store_is_one_line(
    home: Path, told: Told, tmp_path: Path, verb: str, spoil: Callable[[Path], None]
) -> None:
    release(store_url(home))
    spoil(home / "store.db")
    words: dict[str, tuple[Any, ...]] = {
        "report": ("report", "table6", *WORDS),
        "run": ("run", "ablation=table6", *WORDS, "executor=inline"),
        "export": ("export", "table6", f"out={tmp_path}/p.tar", *WORDS),
        "tune": ("tune", "study=dbscan_eps", "trials=1", "profile=smoke"),
    }
    text = told(*words[verb], f"home={home}")
    (line,) = [line for line in text.splitlines() if line.startswith("error")]
    assert "store.db" in line
