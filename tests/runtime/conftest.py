"""Sessions of the smoke profile, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gclbench.plan import Node
from gclbench.registry import REGISTRY, Entry
from gclbench.runtime.catalog import load_catalog
from gclbench.runtime.session import Request, Session, open_session

Open = Callable[..., Session]


@pytest.fixture(scope="session", autouse=True)
def catalog() -> None:
    load_catalog()


@pytest.fixture
def session(tmp_path: Path) -> Open:
    """Open a session on table6; keywords are fields of `Request`."""

    def make(*studies: str, **fields: Any) -> Session:
        request = Request(studies or ("table6",), tmp_path / "results", profile="smoke")
        return open_session(replace(request, **fields))

    return make


@pytest.fixture
def small(session: Open) -> Session:
    """One cell whose pre-training reads no data: baseline on market1501."""
    return session(
        rows=("baseline",), tasks=("market1501",), overrides={"pretrain.kind": "random"}
    )


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """Put a function of the test's in a stage's place."""

    def put(name: str, function: Any) -> None:
        entries = REGISTRY._entries["stages"]
        monkeypatch.setitem(entries, name, Entry("stages", name, 1, function))

    return put


@pytest.fixture
def commit() -> Callable[..., None]:
    """Leave a finished artifact of a node, with scores where it is an evaluation."""

    def write(session: Session, node: Node, metrics: Mapping[str, float], ap: Any = ()) -> None:
        with session.artifacts.workspace(node) as workspace:
            np.savez(workspace.folder / "per_query.npz", ap=np.array(ap, dtype=float))
            workspace.commit(node.record(metrics=metrics))

    return write
