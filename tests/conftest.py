"""What tests of several rooms share."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from gclbench.plan import Node
from gclbench.registry import REGISTRY, Entry
from gclbench.study.catalog import load_catalog
from gclbench.study.opened import OpenStudy, open_study
from gclbench.study.question import Question
from gclbench.tracking.engines import driver_url

Open = Callable[..., OpenStudy]


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A schema of the test's own in $GCLBENCH_TEST_POSTGRESQL, dropped afterwards."""
    url = os.environ.get("GCLBENCH_TEST_POSTGRESQL", "")
    if not url:
        pytest.skip("$GCLBENCH_TEST_POSTGRESQL is not set")
    schema = f"test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    joint = "&" if "?" in url else "?"
    yield f"{url}{joint}options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def open_one(tmp_path: Path) -> Open:
    """Open table6, or the studies named, by the smoke profile in a folder of the test's own.

    Keywords are fields of `Question`.
    """

    def make(*studies: str, **fields: Any) -> OpenStudy:
        question = Question(studies or ("table6",), tmp_path / "results", profile="smoke")
        return open_study(replace(question, **fields))

    return make


@pytest.fixture
def small(open_one: Open) -> OpenStudy:
    """One cell whose pre-training reads no data: baseline on market1501."""
    return open_one(
        rows=("baseline",), tasks=("market1501",), overrides={"pretrain.kind": "random"}
    )


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """Put a function of the test's in a stage's place."""
    load_catalog()

    def put(name: str, function: Any) -> None:
        entries = REGISTRY._entries["stages"]
        monkeypatch.setitem(entries, name, Entry("stages", name, 1, function))

    return put


@pytest.fixture
def commit() -> Callable[..., None]:
    """Leave a finished artifact of a node, with scores where it is an evaluation."""

    def write(opened: OpenStudy, node: Node, metrics: Mapping[str, float], ap: Any = ()) -> None:
        with opened.artifacts.workspace(node) as workspace:
            np.savez(workspace.folder / "per_query.npz", ap=np.array(ap, dtype=float))
            workspace.commit(node.record(metrics=metrics))

    return write
