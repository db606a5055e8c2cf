"""Stored numbers that cannot be: who hears of them, and that nobody is given them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gclbench.errors import DamagedResultError
from gclbench.plan import Node
from gclbench.results.measured import Measured
from gclbench.results.evaluations import read_epochs, read_evaluation
from gclbench.schema import Stage
from gclbench.testing.artifacts import rewrite
from gclbench.study.opened import OpenStudy

SCORES = {"mAP": 40.0, "R1": 60.0, "R5": 80.0, "R10": 90.0}
Damage = Callable[[Path], None]


def manifest(**metrics: float | None) -> Damage:
    """Change metrics of a manifest, as wrong code would have stored them; None leaves one out."""

    def change(folder: Path) -> None:
        changed = {**json.loads((folder / "manifest.json").read_text())["metrics"], **metrics}
        kept = {name: value for name, value in changed.items() if value is not None}
        rewrite(folder, metrics=kept)

    return change


def arrays(**values: Any) -> Damage:
    def change(folder: Path) -> None:
        np.savez(folder / "per_query.npz", **values)
        rewrite(folder)

    return change


def text(name: str, content: bytes, *, signed: bool = False) -> Damage:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)
        if signed:
            rewrite(folder)

    return change


def flip(name: str) -> Damage:
    """Change one bit in the middle of a file."""

    def change(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return change


WAYS = {
    "mAP is 112.3, it must lie in 0 ... 100": manifest(mAP=112.3),
    "R5 80.0 is above R10 79.0": manifest(R10=79.0),
    "mAP is nan, it must be finite": lambda folder: rewrite(
        folder, signed=False, metrics={**SCORES, "mAP": float("nan")}
    ),
    "nmi is 1.5": manifest(nmi=1.5),
    "R1, R10 is missing": manifest(R1=None, R10=None),
    "the AP of a query is 1.2": arrays(ap=np.array([0.5, 1.2])),
    "but the mean AP of the queries is 50.0": arrays(ap=np.array([0.5])),
    "visual_mAP is 30.0, but the mean AP of the queries is 50.0": lambda folder: (
        manifest(visual_mAP=30.0)(folder),
        arrays(ap=np.array([0.4]), visual_ap=np.array([0.5]))(folder),
    ),
    "per_query.npz has no AP": arrays(pids=np.zeros(2)),
    "per_query.npz cannot be read": text("per_query.npz", b"PK\x03\x04 half", signed=True),
    "manifest.json cannot be read": text("manifest.json", b"{"),
    "per_query.npz has other bytes than were written": flip("per_query.npz"),
    "per_query.npz is missing": lambda folder: (folder / "per_query.npz").unlink(),
    "manifest.json was changed after it was written": flip("manifest.json"),
}


@pytest.fixture
def finished(commit: Any) -> Callable[[OpenStudy, int], Node]:
    """Leave a sound evaluation of a study's cell by its place."""

    def write(opened: OpenStudy, place: int = 0) -> Node:
        node = opened.plan.node(opened.plan.evaluate_key(opened.cells[place]))
        commit(opened, node, SCORES, ap=[0.3, np.nan, 0.5])
        return node

    return write


@pytest.mark.parametrize("problem", WAYS)
def test_an_evaluation_that_cannot_be_is_named_with_its_folder(
    small: OpenStudy, finished: Any, problem: str
) -> None:
    node = finished(small)
    assert read_evaluation(small.artifacts, node).ap.tolist()[::2] == [0.3, 0.5]
    WAYS[problem](small.artifacts.path(node))
    with pytest.raises(DamagedResultError) as caught:
        read_evaluation(small.artifacts, node)
    assert problem in caught.value.message
    assert caught.value.remedy.startswith(("Delete ", "Run the study again"))
    assert node.key in str(caught.value)


@pytest.mark.parametrize("problem", WAYS)
def test_a_session_gives_no_score_for_it_and_says_which_it_is(
    open_one: Any, finished: Any, problem: str
) -> None:
    opened = open_one(rows=("baseline", "multi"), tasks=("market1501",), seeds=(0, 1))
    nodes = [finished(opened, place) for place in range(4)]
    (study,) = opened.studies
    assert Measured(opened).damaged(study) == []
    WAYS[problem](opened.artifacts.path(nodes[1]))
    (damaged,) = Measured(opened).damaged(study)
    spoilt = opened.cells[1]
    assert (damaged.row, damaged.task, damaged.seed) == (
        spoilt.row.key, spoilt.task.name, spoilt.seed,
    )  # fmt: skip
    assert (damaged.stage, damaged.node) == ("evaluate", nodes[1].key)
    seeds = {row: sorted(by_seed) for (row, _), by_seed in Measured(opened).scores(study).items()}
    expected: dict[str, list[int]] = {"baseline": [0, 1], "multi": [0, 1]}
    expected[spoilt.row.key].remove(spoilt.seed)
    assert seeds == expected


EPOCHS = [{"epoch": 1, "loss": -2.0, "mAP": 30.0, "R1": 40.0, "nmi": 0.5, "clusters": 7.0}]


@pytest.mark.parametrize(
    "epochs,problem",
    [
        ([*EPOCHS, {"epoch": 2, "mAP": 108.0}], "mAP is 108.0"),
        ([{"epoch": 1, "nmi": 1.2}], "nmi is 1.2"),
        ([7], "cannot be read"),
        ({"epoch": 1}, "cannot be read"),
    ],
)
def test_a_curve_with_an_epoch_that_cannot_be_is_left_out_and_named(
    open_one: Any, epochs: Any, problem: str
) -> None:
    opened = open_one(rows=("multi",), tasks=("market1501",))
    (study,) = opened.studies
    (node,) = [node for node in opened.plan.nodes if node.stage is Stage.JOINT]
    with opened.artifacts.workspace(node) as workspace:
        (workspace.folder / "epochs.json").write_text(json.dumps(EPOCHS))
        workspace.commit(node.record())
    path = opened.artifacts.path(node) / "epochs.json"
    assert Measured(opened).curves(study) == {("multi", "market1501"): {0: EPOCHS}}
    assert Measured(opened).damaged_curves(study) == []
    path.write_text(json.dumps(epochs))
    rewrite(path.parent)
    assert Measured(opened).curves(study) == {}
    (damaged,) = Measured(opened).damaged_curves(study)
    assert (damaged.row, damaged.stage, damaged.node) == ("multi", "joint", node.key)
    with pytest.raises(DamagedResultError, match=problem):
        read_epochs(opened.artifacts, node)


@pytest.mark.parametrize("damage", [flip("epochs.json"), flip("manifest.json"), text("epochs.json", b"")])
def test_a_curve_whose_bytes_are_not_those_committed_is_named(
    open_one: Any, damage: Damage
) -> None:
    opened = open_one(rows=("multi",), tasks=("market1501",))
    (study,) = opened.studies
    (node,) = [node for node in opened.plan.nodes if node.stage is Stage.JOINT]
    with opened.artifacts.workspace(node) as workspace:
        (workspace.folder / "epochs.json").write_text(json.dumps(EPOCHS))
        (workspace.folder / "encoder.pt").write_bytes(b"weights, which a curve does not need")
        workspace.commit(node.record())
    flip("encoder.pt")(opened.artifacts.path(node))
    assert Measured(opened).damaged_curves(study) == []
    damage(opened.artifacts.path(node))
    assert Measured(opened).curves(study) == {}
    assert [each.node for each in Measured(opened).damaged_curves(study)] == [node.key]
