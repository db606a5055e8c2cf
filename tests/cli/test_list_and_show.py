"""`gclbench list` and `gclbench show`: what other programs read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic import Field

from gclbench.registry import Registry
from gclbench.schema import Model

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry of two components in the catalog's place."""
    registry = Registry()

    @registry.register("augmentations", "mine", revision=3)
    @dataclass(frozen=True)
    class Mine:
        """My augmentation.

        More of it.
        """

        alpha: float = 0.6

    @registry.register("losses", "my_loss")
    def my_loss(terms: Any, weight: float = 1.0) -> Any:
        """My loss."""
        return terms * weight

    monkeypatch.setattr("gclbench.study.catalog.everything", lambda: registry)
    return registry


def as_json(cli: Cli, *words: str) -> Any:
    code, out, err = cli(*words, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_ablations_are_listed_by_name(cli: Cli) -> None:
    names = [item["name"] for item in as_json(cli, "list", "ablations")]
    assert names == sorted(names)
    assert {"table6", "world_check"} <= set(names)


def test_baselines_say_whether_they_run_here(cli: Cli) -> None:
    items = {item["name"]: item for item in as_json(cli, "list", "baselines")}
    assert items["gcl_plus"]["runs_here"] is True
    assert all({"name", "runs_here", "reference", "setting"} <= set(i) for i in items.values())


def test_baselines_carry_their_printed_rows(cli: Cli) -> None:
    items = {item["name"]: item for item in as_json(cli, "list", "baselines")}
    assert items["jvtc"]["runs_here"]
    assert not items["tssl"]["runs_here"]
    rows = {(row["table"], row["dataset"]): row for row in items["tssl"]["published"]}
    assert rows["table8", "market1501"]["metrics"] == {
        "mAP": "43.3",
        "R1": "71.2",
        "R5": "-",
        "R10": "-",
    }
    assert rows["table10", "mars"]["labels"] == "None"
    assert rows["table10", "mars"]["setting"] == "video"
    assert {row["row"] for row in items["jvtc"]["published"]} == {"baseline", "jvtc"}


def test_a_reader_sees_which_systems_are_numbers_only(cli: Cli) -> None:
    lines = cli("list", "baselines")[1].splitlines()
    cells = {line.split()[0]: re.split(r"\s{2,}", line)[1:] for line in lines}
    assert cells["tssl"] == ["TSSL", "AAAI'20", "usl, video", "published numbers only"]
    assert cells["act"] == ["ACT", "AAAI'20", "uda", "runs here"]
    assert cells["spcl"][-1] == "runs here, reimplemented"
    shown = as_json(cli, "show", "baselines", "tssl")
    assert "settings" not in shown
    assert shown["published"][0]["metrics"]["mAP"] == "43.3"


@pytest.mark.parametrize("kind", ["profiles", "reports", "published"])
def test_other_content_is_listed_with_titles(cli: Cli, kind: str) -> None:
    items = as_json(cli, "list", kind)
    assert items
    assert all(item["name"] and item["title"] for item in items)


def test_components_are_listed_with_their_revision(cli: Cli, catalog: Registry) -> None:
    assert as_json(cli, "list", "augmentations") == [
        {
            "name": "mine",
            "title": "My augmentation.",
            "revision": 3,
            "module": catalog.lookup("augmentations", "mine").module,
        }
    ]


def test_list_without_a_kind_names_all_kinds(cli: Cli, catalog: Registry) -> None:
    names = [item["name"] for item in as_json(cli, "list")]
    assert {"ablations", "augmentations", "losses", "profiles"} <= set(names)


def test_list_for_a_reader_shows_name_and_title(cli: Cli) -> None:
    code, out, _ = cli("list", "ablations")
    assert code == 0
    assert any(line.startswith("table6 ") for line in out.splitlines())


def test_show_of_an_ablation_is_yaml_that_reads_back(cli: Cli) -> None:
    from ruamel.yaml import YAML

    code, out, _ = cli("show", "ablations", "table6")
    assert code == 0
    shown = YAML(typ="safe").load(out)
    assert [row["key"] for row in shown["rows"]][:2] == ["baseline", "multi"]


def test_show_of_a_baseline_resolves_every_setting(cli: Cli) -> None:
    shown = as_json(cli, "show", "baselines", "gcl_plus")
    assert shown["settings"]["joint"]["temperature"] == 0.04
    assert shown["settings"]["joint"]["augmentations"] == ["rotation", "d_mixup"]


def test_show_of_a_component_has_docstring_and_settings(cli: Cli, catalog: Registry) -> None:
    shown = as_json(cli, "show", "augmentations", "mine")
    assert shown["docstring"].startswith("My augmentation.\n\nMore")
    assert shown["settings"] == {"alpha": "0.6"}
    assert as_json(cli, "show", "losses", "my_loss")["settings"] == {
        "terms": "required",
        "weight": "1.0",
    }
    assert cli("show", "augmentations", "mine")[1].startswith("My augmentation.")


def test_show_of_a_component_prints_what_settings_may_tell_it(cli: Cli, catalog: Registry) -> None:
    class Tuned(Model):
        share: float = Field(default=0.5, ge=0, lt=1, description="how much of it")
        order: Literal["up", "down"] = "up"
        steps: int | None = Field(default=None, gt=0)
        weight: float

    @catalog.register("losses", "tuned", parameters=Tuned)
    def tuned(terms: Any, *, parameters: Tuned) -> Any:
        """Tuned."""

    shown = as_json(cli, "show", "losses", "tuned")
    assert shown["parameters"] == {
        "share": {
            "default": 0.5,
            "type": "number",
            "range": "at least 0, below 1",
            "description": "how much of it",
        },
        "order": {"default": "up", "type": "one of up, down"},
        "steps": {"default": None, "type": "integer or null", "range": "above 0"},
        "weight": {"default": "required", "type": "number"},
    }
    assert shown["settings"] == {"terms": "required"}
    assert as_json(cli, "show", "losses", "my_loss")["parameters"] == {}
    out = cli("show", "losses", "tuned")[1]
    assert "  share:\n    default: 0.5\n    type: number\n    range: at least 0, below 1\n" in out


@pytest.mark.parametrize("kind", ["profiles", "reports", "published"])
def test_show_knows_all_content(cli: Cli, kind: str) -> None:
    name = as_json(cli, "list", kind)[0]["name"]
    assert as_json(cli, "show", kind, name)["kind"] == kind
