"""Values that mean other numbers now: their nodes have other keys, all others keep theirs."""

from __future__ import annotations

import pytest

from gclbench.content import Content
from gclbench.plan import build_cells, build_plan
from gclbench.plan.value_revisions import value_revisions
from gclbench.schema import Stage
from gclbench.study.catalog import space


def components(**words: str) -> dict[str, set[str]]:
    """The changed values in the components of table 6's stages, by stage."""
    content = Content(environment={})
    study = content.study("table6")
    overrides = {name.replace("__", "."): value for name, value in words.items()}
    cells = build_cells(
        study, content.recipe(study.recipe), content.profile("smoke"), overrides, seeds=[0]
    )
    plan = build_plan(cells, lambda kind, name: 1, lambda role, settings: role, space)
    found: dict[str, set[str]] = {}
    for node in plan.nodes:
        named = {f"{k}={v}" for k, v in node.components.items() if k.startswith("gan.")}
        found.setdefault(node.stage.value, set()).update(named)
    return found


def test_nothing_is_said_where_all_is_as_it_was() -> None:
    assert set().union(*components().values()) == set()


@pytest.mark.parametrize(
    "word, stages",
    [("gan__adversarial=nsgan", {"gan", "joint"}), ("gan__recon_feature_pair=code", {"joint"})],
)
def test_a_changed_value_is_said_by_the_stages_whose_numbers_it_moves(
    word: str, stages: set[str]
) -> None:
    name, _, value = word.partition("=")
    said = f"{name.replace('__', '.')}/{value}=2"
    found = components(**{name: value})
    assert {stage for stage, named in found.items() if named == {said}} == stages
    assert {stage for stage, named in found.items() if named} == stages


def test_other_values_of_the_setting_say_nothing() -> None:
    assert value_revisions(Stage.GAN, {"gan": {"adversarial": "lsgan"}}) == {}
    assert value_revisions(Stage.GAN, {"gan": {"adversarial": "nsgan"}}) == {
        "gan.adversarial/nsgan": 2
    }
