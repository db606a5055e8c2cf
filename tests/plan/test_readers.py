"""Which stages a setting belongs to, held against plans in which that setting alone is another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from gclbench.datasets.fingerprint import dataset_fingerprint
from gclbench.plan import Cell, build_plan
from gclbench.plan.readers import stages_of
from gclbench.schema import Row, Settings, Stage, Task
from gclbench.schema.choice import choice_type
from gclbench.schema.dotted import flatten, nest, setting_types
from gclbench.schema.settings import WorldSettings
from gclbench.study.catalog import space

# A file stands behind these; what it does to keys is for tests/plan/test_weights.py.
FILES = {
    "data.root": Stage.SOURCE,
    "data.mesh.root": Stage.GAN,
    "data.mesh.weights": Stage.GAN,
    "data.mesh.body_model": Stage.GAN,
    "pretrain.weights": Stage.PRETRAIN,
    "warmup.checkpoint.path": Stage.WARMUP,
    "gan.checkpoint.generator": Stage.GAN,
    "gan.checkpoint.discriminator": Stage.GAN,
}
# Its two answers are one on a machine without a GPU that does OpenGL.
MACHINE = {"data.mesh.renderer": Stage.JOINT}
OTHER = {
    "augmentations": "mesh_switch",
    "losses": "l_vi",
    "warmups": "ssg",
    "networks": "other",
    "pseudolabels": "other",
    "samplers": "identities",
}
TASKS = (
    Task(name="images", setting="uda", label="", target="market1501", source="dukemtmc_reid"),
    Task(name="mars", setting="uda", label="", target="mars", source="dukemtmc_videoreid"),
    Task(name="duke", setting="uda", label="", target="dukemtmc_videoreid", source="mars"),
)
METHODS = {name for name in setting_types() if name.count(".") == 2 and name[:7] == "warmup."}


def fingerprint(role: str, settings: Settings) -> str:
    data = settings.data
    if role == "pretrain":
        world = WorldSettings(seed=data.world.seed)
        data = data.model_copy(update={"root": None, "world": world})
    return dataset_fingerprint(role, data)


def parts(flat: dict[str, Any]) -> dict[tuple[str, Stage], tuple[Any, ...]]:
    """What each stage's key is made of, but for its parents and its data's names."""
    settings = Settings.model_validate(nest(flat))
    row = Row(key="row", label="")
    cells = [Cell("study", row, task, 0, settings, Stage.JOINT) for task in TASKS]
    plan = build_plan(cells, lambda kind, name: 1, fingerprint, space)
    nodes = ((cell, plan.node(key)) for cell in cells for key in plan.chain(cell))
    return {
        (cell.task.name, node.stage): (node.settings, node.fingerprints, node.components)
        for cell, node in nodes
    }


@cache
def plain(method: str) -> tuple[dict[str, Any], dict[tuple[str, Stage], tuple[Any, ...]]]:
    flat = {
        "warmup.method": method,
        "evaluate.camera_time": True,
        "evaluate.split": "validation",
        "data.mesh.renderer": "raster",
        **({"warmup.checkpoint.path": __file__} if method == "checkpoint" else {}),
    }
    return flat, parts(flat)


def others(name: str, now: Any) -> Iterator[Any]:
    """Values that the setting does not have now."""
    kind = setting_types()[name]
    choice = choice_type(kind)
    if choice is not None:
        yield [OTHER[choice.kind]] if isinstance(now, list) else OTHER[choice.kind]
    elif isinstance(now, bool):
        yield not now
    elif isinstance(now, list):
        yield [1, 2, 3]
    elif isinstance(now, str):
        yield from (each for each in get_args(kind) if isinstance(each, str) and each != now)
        yield "last"
    elif isinstance(now, int):
        yield from (2 * now, now + 1, now - 1)
    else:
        yield from (now * 1.25, now / 2, 0.25)


def changed(name: str) -> set[Stage]:
    """The stages whose own parts move when this setting alone does."""
    method = name.split(".")[1] if name in METHODS else "jvtc"
    flat, before = plain(method)
    now = flat.get(name, flatten(Settings().model_dump(mode="json"))[name])
    for value in (value for value in others(name, now) if value != now):
        try:
            after = parts({**flat, name: value})
        except ValidationError:
            continue
        return {stage for task, stage in before if after[task, stage] != before[task, stage]}
    raise AssertionError(f"no other value of {name} is known")


@pytest.mark.parametrize("name", [*FILES, *MACHINE])
def test_files_belong_to_the_stages_that_read_them(name: str) -> None:
    assert {**FILES, **MACHINE}[name] in stages_of(name)


@pytest.mark.parametrize("name", [n for n in setting_types() if n not in {**FILES, **MACHINE}])
def test_a_setting_belongs_to_the_stages_whose_key_it_moves(name: str) -> None:
    assert set(stages_of(name)) == changed(name)


def test_stages_come_in_their_order_and_an_unknown_name_has_none() -> None:
    assert stages_of("data.height_px") == tuple(Stage)
    assert stages_of("joint.temperature") == (Stage.JOINT,)
    assert stages_of("joint.temprature") == ()
