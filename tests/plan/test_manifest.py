"""What is noticed of a manifest that was changed, with a digest of its own and without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import DamagedResultError
from gclbench.plan.manifest import makes_its_key, read_manifest, write_manifest
from gclbench.plan.node import node_key
from gclbench.schema import NodeRecord, Stage

SETTINGS = {"gan": {"lr": 0.1, "epochs": 3}, "label": "\N{SNOWMAN}"}


@pytest.fixture
def record() -> NodeRecord:
    key = node_key(Stage.GAN, 3, SETTINGS, {"warmup": "cd"}, {"target": "ef"}, {"stages/gan": 2})
    return NodeRecord(
        key=key,
        stage="gan",
        seed=3,
        label="gan market1501",
        settings=SETTINGS,
        parents={"warmup": "cd"},
        datasets={"target": "ef"},
        components={"stages/gan": 2},
        metrics={"loss": 0.1 + 0.2, "mAP": 40.0},
        files={"g.pt": "12" * 32},
        seconds=1e-9,
    )


@pytest.fixture
def path(tmp_path: Path, record: NodeRecord) -> Path:
    path = tmp_path / "gan" / record.key / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(write_manifest(record))
    return path


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_bytes())
    edit(content)
    path.write_text(json.dumps(content))


def test_a_record_comes_back_as_it_was(path: Path, record: NodeRecord) -> None:
    assert read_manifest(path) == record


def test_another_order_and_spacing_is_no_change(path: Path, record: NodeRecord) -> None:
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps(dict(reversed(content.items())), indent=7))
    assert read_manifest(path) == record


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a metric": lambda c: c["metrics"].update(mAP=41.0),
    "a metric in its last digit": lambda c: c["metrics"].update(loss=0.3),
    "a metric more": lambda c: c["metrics"].update(R1=50.0),
    "a metric less": lambda c: c["metrics"].pop("mAP"),
    "a hash": lambda c: c["files"].update({"g.pt": "34" * 32}),
    "a file less": lambda c: c["files"].clear(),
    "a setting": lambda c: c["settings"]["gan"].update(lr=0.2),
    "a parent": lambda c: c["parents"].update(warmup="ce"),
    "the label": lambda c: c.update(label="gan dukemtmc"),
    "the host": lambda c: c.update(host="elsewhere"),
    "a word of a newer program": lambda c: c.update(of_a_newer_program=1),
    "the digest": lambda c: c.update(manifest_sha256="0" * 64),
    "a digest that is no text": lambda c: c.update(manifest_sha256=7),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_change_by_hand_is_noticed(path: Path, edit: str) -> None:
    change(path, EDITS[edit])
    with pytest.raises(DamagedResultError, match="was changed after it was written"):
        read_manifest(path)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"3", b"null", b'{"key": 1}', b"\xff\xfe", b"\x00" * 40, b"[" * 99999),
        *(b'{"metrics": {"mAP": NaN}, "manifest_sha256": "x"}', b"<html>"),
    ],
)
def test_what_is_no_manifest_is_one_error_with_a_remedy(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DamagedResultError, match=r"manifest\.json cannot be read\..*set aside"):
        read_manifest(path)


def test_an_older_manifest_without_a_digest_reads(path: Path, record: NodeRecord) -> None:
    change(path, lambda c: c.pop("manifest_sha256"))
    assert read_manifest(path) == record


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c["settings"]["gan"].update(lr=0.2),
        lambda c: c["parents"].update(warmup="ce"),
        lambda c: c["datasets"].clear(),
        lambda c: c["components"].update({"stages/gan": 3}),
        lambda c: c.update(seed=4),
    ],
)
def test_an_older_manifest_must_have_what_makes_its_key(
    path: Path, edit: Callable[[dict[str, Any]], object]
) -> None:
    change(path, lambda c: (c.pop("manifest_sha256"), edit(c)))
    with pytest.raises(DamagedResultError, match="do not make its key"):
        read_manifest(path)


@pytest.mark.parametrize("moved", ["stage", "key"])
def test_a_manifest_in_another_folder_is_another_artifacts(path: Path, moved: str) -> None:
    stage = "joint" if moved == "stage" else "gan"
    key = path.parent.name if moved == "stage" else "ab" * 32
    place = path.parents[2] / stage / key
    place.parent.mkdir(exist_ok=True)
    path.parent.rename(place)
    with pytest.raises(DamagedResultError, match="speaks of another artifact"):
        read_manifest(place / "manifest.json")


def test_a_record_of_no_stage_has_no_key(record: NodeRecord) -> None:
    assert makes_its_key(record)
    assert not makes_its_key(record.model_copy(update={"stage": "lunch"}))
    assert not makes_its_key(record.model_copy(update={"settings": {"lr": float("nan")}}))
