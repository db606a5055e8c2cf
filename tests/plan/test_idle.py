"""Which stages behind an artifact took no step: handed on by records, found in older ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from gclbench.plan import ArtifactStore, Node
from gclbench.plan.idle import idle_before, idle_in, idle_of
from gclbench.schema import NodeRecord
from gclbench.schema.record import IDLE_FILE, Idle
from gclbench.study.opened import OpenStudy

WARM = Idle(stage="warmup", epochs=3, without_step=1, why="few clusters")
JOINT = Idle(stage="joint", epochs=2, without_step=2, why="no clusters")


def write(opened: OpenStudy, node: Node, epochs: Any = None, **fields: Any) -> NodeRecord:
    with opened.artifacts.workspace(node) as workspace:
        if epochs is not None:
            (workspace.folder / "epochs.json").write_text(json.dumps(epochs))
        return workspace.commit(node.record(**fields))


def chain(open_one: Callable[..., OpenStudy]) -> tuple[OpenStudy, list[Node]]:
    opened = open_one(rows=("rotation",), tasks=("market1501",), seeds=(0,))
    return opened, [opened.plan.node(key) for key in opened.plan.chain(opened.cells[0])]


def test_a_stage_tells_of_itself_in_its_folder(tmp_path: Any) -> None:
    assert idle_in(tmp_path) == ()
    (tmp_path / IDLE_FILE).write_text(JOINT.model_dump_json())
    assert idle_in(tmp_path) == (JOINT,)
    (tmp_path / IDLE_FILE).write_text("{")
    assert idle_in(tmp_path) == ()


def test_a_record_that_knows_is_believed(open_one: Any) -> None:
    opened, nodes = chain(open_one)
    record = write(opened, nodes[-1], idle=(WARM, JOINT))
    assert idle_of(opened.artifacts, record) == (WARM, JOINT)
    assert idle_of(opened.artifacts, write(opened, nodes[0], idle=())) == ()


def test_parents_are_asked_and_each_stage_is_named_once(open_one: Any) -> None:
    opened, nodes = chain(open_one)
    warmup, gan, joint = nodes[-4:-1]
    write(opened, warmup, idle=(WARM,))
    write(opened, gan, idle=(WARM,))
    assert set(joint.parents) == {"warmup", "gan"}
    assert idle_before(opened.artifacts, joint.parents) == (WARM,)
    assert idle_before(opened.artifacts, {"warmup": "0" * 64}) == ()


def test_in_older_artifacts_an_epoch_without_a_loss_took_no_step(open_one: Any) -> None:
    opened, nodes = chain(open_one)
    pretrain, warmup, gan, joint, evaluate = nodes
    fine, idle = {"epoch": 1, "loss": 0.5}, {"epoch": 1, "clusters": 0.0}
    write(opened, pretrain, [fine])
    write(opened, warmup, [fine, idle, fine])
    write(opened, gan, [fine])
    write(opened, joint, [idle, idle])
    found = idle_of(opened.artifacts, write(opened, evaluate))
    assert [(each.stage, each.without_step, each.epochs) for each in found] == [
        ("warmup", 1, 3),
        ("joint", 2, 2),
    ]


def test_nothing_is_said_of_a_users_own_method_and_of_what_cannot_be_read(
    open_one: Any, tmp_path: Any
) -> None:
    opened, nodes = chain(open_one)
    record = write(opened, nodes[1], [{"epoch": 1, "my_loss": 2.0}])
    mine = record.model_copy(update={"components": {"warmups/mine": 1}})
    assert len(idle_of(opened.artifacts, record)) == 1
    assert idle_of(opened.artifacts, mine) == ()
    assert idle_of(ArtifactStore(tmp_path / "elsewhere"), record) == ()
