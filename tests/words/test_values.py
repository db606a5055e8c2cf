"""Where values come from: content, sources, the schema; lists that repeat other rooms."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.content import Content
from gclbench.reporting.ink import FORMATS
from gclbench.reporting.render import SUFFIXES
from gclbench.runtime.checkpoints.export import FORMATS as WEIGHT_FORMATS
from gclbench.schema.dotted import setting_types
from gclbench.study.catalog import load_catalog
from gclbench.words import values
from gclbench.words.word import Typed

NOTHING = Typed()


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GCLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GCLBENCH_CONTENT", raising=False)


def test_fixed_lists_are_those_of_the_rooms_that_know() -> None:
    assert sorted(values.formats(NOTHING)) == sorted([*SUFFIXES, *FORMATS])
    assert set(values.weight_formats(NOTHING)) == set(WEIGHT_FORMATS)


def test_components_read_off_the_sources_are_those_that_are_registered() -> None:
    registry = load_catalog()
    built_in = {
        (entry.kind, entry.name)
        for kind in registry.kinds()
        for entry in registry.entries(kind)
        if entry.module.startswith("gclbench.")
    }
    assert values._registered() == built_in


def test_names_of_content_are_those_that_content_has() -> None:
    content = Content()
    for kind in ("ablations", "baselines", "profiles", "published", "reports"):
        assert values.of_content(kind, NOTHING) == content.names(kind)
    searched = [name for name in content.names("ablations") if content.study(name).search]
    assert values.searches(NOTHING) == searched
    assert sorted([*values.studies(NOTHING), *searched]) == content.names("ablations")


@pytest.mark.parametrize("name", ["table6", "table5"])  # listed rows, and rows of a sweep
def test_rows_and_tasks_are_those_of_the_study_named(name: str) -> None:
    study = Content().study(name)
    typed = Typed({"study": name})
    for _ in range(2):  # the second answer is a kept one
        assert list(values.rows(typed)) == [row.key for row in study.rows]
        assert list(values.tasks(typed)) == [task.name for task in study.tasks]
    assert list(values.rows(NOTHING)) == []
    assert "duke2market" in values.tasks(Typed({"recipe": "scl"}))


def test_a_study_of_ones_own_is_found_and_its_change_seen(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "ablations"
    folder.mkdir(parents=True)
    text = (
        "study: own\ntitle: Own\nrecipe: gcl_plus\nreport: own\ntasks:\n"
        "  - {name: market1501, setting: usl, label: M, target: market1501}\n"
        "rows:\n  - {key: first, label: First}\n"
    )
    (folder / "own.yaml").write_text(text, encoding="utf-8")
    typed = Typed({"study": "own"}, (str(folder.parent),))
    assert "own" in values.studies(typed)
    assert list(values.rows(typed)) == ["first"]
    (folder / "own.yaml").write_text(text + "  - {key: two, label: Two}\n", encoding="utf-8")
    assert list(values.rows(typed)) == ["first", "two"]
    for broken in ("rows: [", "a: b", "rows: 3\ntasks: x", "- a", ""):
        (folder / "own.yaml").write_text(broken, encoding="utf-8")
        assert list(values.rows(typed)) == []


def test_every_setting_is_there_with_the_values_that_can_be_listed() -> None:
    found = values.settings()
    assert list(found) == list(setting_types())
    assert found["data.mesh.source"]["values"] == ["oracle", "params", "archive", "hmr"]
    assert {"rotation", "d_mixup"} <= set(found["joint.augmentations"]["values"])
    assert found["joint.augmentations"]["many"]
    assert found["data.root"]["path"]
    switches = [key for key, kind in setting_types().items() if kind is bool]
    assert switches
    assert all(found[key]["values"] == ["true", "false"] for key in switches)
