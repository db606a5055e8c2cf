"""What a node tells the stage that it is handed to."""

from __future__ import annotations

from typing import Any

from gclbench.plan import Node
from gclbench.schema import Stage


def node(stage: Stage, roles: dict[str, str], **settings: Any) -> Node:
    places = {"data": {"validation_share": 0.25}}
    return Node(stage, "k", 0, "a label", settings, roles=roles, places=places)


def shares(made: Node) -> dict[str, tuple[str, float]]:
    return {name: (role, data.validation_share) for name, (role, data) in made.data().items()}


def test_identities_are_held_out_of_the_target_and_the_source_is_read_whole() -> None:
    roles = {"target": "market1501", "source": "msmt17"}
    wanted = {"target": ("market1501", 0.25), "source": ("msmt17", 0.0)}
    assert shares(node(Stage.WARMUP, roles)) == wanted


def test_the_test_set_is_read_whole_unless_the_held_out_identities_are_asked_for() -> None:
    roles = {"target": "market1501"}
    assert shares(node(Stage.EVALUATE, roles)) == {"target": ("market1501", 0.0)}
    asked = {"split": "validation"}
    assert shares(node(Stage.EVALUATE, roles, evaluate=asked)) == {"target": ("market1501", 0.25)}


def test_pre_training_has_a_set_of_its_own() -> None:
    assert node(Stage.PRETRAIN, {"pretrain": "pretrain"}).data() == {}


def test_places_reach_the_settings_beside_what_the_stage_reads() -> None:
    made = Node(
        Stage.JOINT, "k", 0, "a label",
        {"data": {"height_px": 32, "mesh": {"noise_deg": 3.0}}},
        places={"data": {"root": "somewhere", "mesh": {"renderer": "raster"}}},
    )  # fmt: skip
    data = made.resolved().data
    assert (data.height_px, data.root) == (32, "somewhere")
    assert (data.mesh.noise_deg, data.mesh.renderer) == (3.0, "raster")
