"""Every shipped component with parameters keeps their contract."""

from __future__ import annotations

import pytest

from gclbench.registry import Entry
from gclbench.study.catalog import load_catalog
from gclbench.testing.parameters import ParametersContract


def entries() -> list[Entry]:
    registry = load_catalog()
    every = [entry for kind in registry.kinds() for entry in registry.entries(kind)]
    return [e for e in every if e.parameters is not None and e.module.startswith("gclbench.")]


class TestShipped(ParametersContract):
    @pytest.fixture(params=entries(), ids=lambda entry: f"{entry.kind}/{entry.name}")
    def entry(self, request: pytest.FixtureRequest) -> Entry:
        found: Entry = request.param
        return found


def test_there_are_some() -> None:
    assert {entry.name for entry in entries()} >= {"identities", "multi"}
