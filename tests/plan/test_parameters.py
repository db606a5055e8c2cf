"""Parameters of components in keys: where they enter, and what stays unsaid at its default."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from gclbench.errors import OverrideError, UnknownNameError
from gclbench.plan import Node, Plan, build_cells, build_plan
from gclbench.schema import Model, Recipe, Row, Stage, Study, Task

SPACES = {"multi": "image", "stripes": "image", "rotation": "structure", "turn": "structure"}
EVERY = ["pretrain", "warmup", "gan", "joint", "evaluate"]


class Parameters(Model):
    probability: float = Field(default=0.5, ge=0, le=1)


def components(kind: str, name: str) -> type[Model] | None:
    if name == "unknown":
        raise UnknownNameError(kind, name, ["stripes"])
    return Parameters if name in ("stripes", "turn", "mine") else None


def plan(
    row: dict[str, Any] | None = None,
    over: dict[str, Any] | None = None,
    revisions: dict[str, int] | None = None,
) -> Plan:
    study = Study(
        study="s",
        title="S",
        recipe="r",
        report="s",
        tasks=(Task(name="market1501", setting="usl", label="M", target="market1501"),),
        rows=(Row(key="row", label="R", set=row or {}),),
    )
    recipe = Recipe(recipe="r", title="R", reference="", setting="usl", runs_here=True)
    return build_plan(
        build_cells(study, recipe, None, over, components=components),
        lambda kind, name: (revisions or {}).get(f"{kind}/{name}", 1),
        lambda role, settings: role,
        lambda name: SPACES.get(name, "identity"),
    )


def view(*names: Any) -> dict[str, Any]:
    return {"joint.augmentations": list(names)}


def changed(before: Plan, after: Plan) -> list[str]:
    """Stages of which some key is new."""
    old = {node.key for node in before.nodes}
    return [node.stage.value for node in after.nodes if node.key not in old]


def joint(made: Plan) -> Node:
    return next(node for node in made.nodes if node.stage is Stage.JOINT)


def test_a_component_at_its_defaults_has_the_keys_of_its_plain_name() -> None:
    plain = plan(view("stripes"))
    for same in ({"name": "stripes"}, {"name": "stripes", "probability": 0.5}):
        assert changed(plain, plan(view(same))) == []
    assert joint(plain).settings["joint"]["augmentations"] == ["stripes"]


def test_another_parameter_trains_the_stage_that_reads_it_and_what_follows() -> None:
    plain, other = plan(view("stripes")), plan(view({"name": "stripes", "probability": 1}))
    assert changed(plain, other) == ["joint", "evaluate"]
    said = joint(other).settings["joint"]["augmentations"]
    assert said == [{"name": "stripes", "probability": 1.0}]
    assert joint(other).components == joint(plain).components
    again = plan(view({"name": "stripes", "probability": 1.0}))
    assert changed(other, again) == []


def test_a_node_hands_its_parameters_on_to_the_stage() -> None:
    node = joint(plan(view({"name": "stripes", "probability": 0.3})))
    (choice,) = node.resolved().joint.augmentations
    assert (choice.name, choice.parameters) == ("stripes", {"probability": 0.3})
    assert node.resolved().joint.sampler.name == "shuffled"


def test_the_view_that_gives_structure_is_the_same_in_stage_2() -> None:
    plain, other = plan(view("turn")), plan(view({"name": "turn", "probability": 0.2}))
    assert changed(plain, other) == ["gan", "joint", "evaluate"]
    gan = next(node for node in other.nodes if node.stage is Stage.GAN)
    assert gan.settings["gan"]["view"] == {"name": "turn", "probability": 0.2}
    assert gan.components["augmentations/turn"] == 1


def test_a_warm_ups_parameters_enter_beside_the_plain_fields() -> None:
    own = {"warmup.method": "mine"}
    plain = plan(own)
    other = plan({"warmup": {"method": {"name": "mine", "probability": 0.2}}})
    assert changed(plain, other) == ["warmup", "gan", "joint", "evaluate"]
    for made, method in ((plain, "mine"), (other, {"name": "mine", "probability": 0.2})):
        node = next(node for node in made.nodes if node.stage is Stage.WARMUP)
        assert node.settings["warmup"]["method"] == method
        assert node.settings["warmup"]["lr"] == 0.01
        assert node.label == "warmup mine market1501 seed 0"


@pytest.mark.parametrize(
    "key, default, stages",
    [
        ("joint.sampler", "shuffled", ["joint", "evaluate"]),
        ("joint.pseudo_labels.method", "jaccard_dbscan", ["joint", "evaluate"]),
        ("network.id_encoder.component", "id_encoder", EVERY),
        ("network.generator.component", "generator", ["gan", "joint", "evaluate"]),
        ("network.generator.structure", "str_encoder", ["gan", "joint", "evaluate"]),
        ("network.discriminator.component", "discriminator", ["gan", "joint", "evaluate"]),
    ],
)
def test_choices_that_came_later_are_unsaid_at_their_default(
    key: str, default: str, stages: list[str]
) -> None:
    plain = plan(view("rotation"))
    assert changed(plain, plan({**view("rotation"), key: default})) == []
    *sections, name = key.split(".")
    place: Any = joint(plain).settings
    for section in sections:
        place = place[section]
    assert name not in place
    other = plan({**view("rotation"), key: {"name": "mine", "probability": 0.2}})
    assert changed(plain, other) == stages
    kind = {"sampler": "samplers", "method": "pseudolabels"}.get(name, "networks")
    assert joint(other).components[f"{kind}/mine"] == 1
    assert f"{kind}/{default}" not in joint(other).components


def test_a_raised_revision_of_a_default_that_is_unsaid_trains_stage_3_anew() -> None:
    plain = plan(view("multi"))
    for name in ("samplers/shuffled", "pseudolabels/jaccard_dbscan"):
        raised = plan(view("multi"), revisions={name: 2})
        assert changed(plain, raised) == ["joint", "evaluate"]
        assert joint(raised).components[name] == 2


def test_a_wrong_parameter_is_refused_before_there_is_a_plan() -> None:
    with pytest.raises(OverrideError, match=r"joint.augmentations\[1\].probability: 3: input"):
        plan(over=view({"name": "stripes", "probability": 3}))
    with pytest.raises(OverrideError, match="multi takes no parameters"):
        plan(view({"name": "multi", "size": 3}))


def test_rows_that_name_nobody_are_left_to_who_asks_for_them() -> None:
    made = plan({**view("multi"), "joint.losses": [{"name": "unknown", "a": 1}]})
    assert "losses/unknown" in joint(made).components
