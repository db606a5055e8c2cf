"""Where caches lie that belong to no results folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.cache_folder import VARIABLE, cache_folder


def test_the_variable_names_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "here")
    assert cache_folder() == tmp_path / "here"
    monkeypatch.setenv(VARIABLE, "~/there")
    assert cache_folder() == Path.home() / "there"


def test_without_it_the_systems_folder_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert cache_folder().is_absolute()
    assert cache_folder().name == "gclbench"
