"""Artifacts from before the kernel fix: which count, whatever else lies in a results folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gclbench.plan.outdated import LAST_BEFORE_FIX, made_before_fix
from gclbench.study.catalog import revision

LAST = {"stages/warmup": 1, "stages/joint": 3}


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., None]:
    """Leave an artifact's manifest: its stage's folder, its key, and its components (or bytes)."""

    def write(stage: str, key: str, content: Any) -> None:
        path = tmp_path / "artifacts" / stage / key / "manifest.json"
        path.parent.mkdir(parents=True)
        made = (
            content if isinstance(content, bytes) else json.dumps({"components": content}).encode()
        )
        path.write_bytes(made)

    return write


def test_the_revision_of_an_artifacts_own_stage_decides(tmp_path: Path, manifest: Any) -> None:
    manifest("joint", "a1", {"stages/joint": 3, "losses/l_vi": 9})
    manifest("joint", "a0", {"stages/joint": 1})
    manifest("joint", "b1", {"stages/joint": 4, "losses/l_vi": 1})
    manifest("warmup", "c1", {"stages/warmup": 1, "warmups/jvtc": 7})
    manifest("warmup", "d1", {"stages/warmup": 2})
    manifest("gan", "e1", {"stages/gan": 1})  # the table does not name it
    expected = ["artifacts/joint/a0", "artifacts/joint/a1", "artifacts/warmup/c1"]
    assert made_before_fix(tmp_path, LAST) == expected


def test_a_stage_joins_by_an_entry(tmp_path: Path, manifest: Any) -> None:
    manifest("gan", "e1", {"stages/gan": 2})
    manifest("gan", "e2", {"stages/gan": 3})
    assert made_before_fix(tmp_path, {**LAST, "stages/gan": 2}) == ["artifacts/gan/e1"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"\xff\xfe", b'{"components": 7}', b'{"components": null}',
     b'{"components": {"stages/joint": "three"}}', b'{"components": {"stages/joint": null}}',
     b'{"components": {"stages/joint": Infinity}}'],
)  # fmt: skip
def test_a_damaged_manifest_is_not_counted_and_breaks_nothing(
    tmp_path: Path, manifest: Any, content: bytes
) -> None:
    manifest("joint", "a1", content)
    manifest("joint", "b1", {"stages/joint": 3})
    assert made_before_fix(tmp_path, LAST) == ["artifacts/joint/b1"]


def test_a_manifest_without_components_is_older_than_all_that_have_them(
    tmp_path: Path, manifest: Any
) -> None:
    manifest("joint", "a1", b'{"key": "a1"}')
    manifest("joint", "b1", {})
    assert made_before_fix(tmp_path, LAST) == ["artifacts/joint/a1", "artifacts/joint/b1"]


def test_unfinished_work_and_an_empty_home_count_nothing(tmp_path: Path, manifest: Any) -> None:
    assert made_before_fix(tmp_path / "nowhere") == []
    manifest("joint", "a1.partial", {"stages/joint": 1})
    (tmp_path / "artifacts" / "joint" / "b1").mkdir()
    assert made_before_fix(tmp_path, LAST) == []


def test_the_table_names_the_stages_that_lean_on_compiled_kernels() -> None:
    assert {"stages/warmup", "stages/joint", "stages/evaluate"} <= set(LAST_BEFORE_FIX)


def test_hundreds_of_manifests_are_read_in_a_moment(tmp_path: Path, manifest: Any) -> None:
    for number in range(600):
        manifest("joint", f"{number:064x}", {"stages/joint": number % 5, "more": ["x" * 4000]})
    start = time.perf_counter()
    found = made_before_fix(tmp_path, LAST)
    assert len(found) == 480
    assert time.perf_counter() - start < 2.0


def test_every_stage_has_risen_above_its_last_revision_before_the_fix() -> None:
    for name, last in LAST_BEFORE_FIX.items():
        kind, _, stage = name.partition("/")
        assert revision(kind, stage) > last
