"""Layers of settings: who sets what, and who wins."""

from __future__ import annotations

from gclbench.schema import Profile, Recipe, Row, Stage, Study, Task
from gclbench.schema.layers import COMMAND_LINE, layers, merged, origins
from gclbench.schema.overrides import resolve_settings

PROFILE = Profile(profile="p", title="", set={"joint": {"epochs": 1, "lr": 0.1}, "gan.lr": 0.1})
RECIPE = Recipe(
    recipe="r", title="", reference="", setting="usl", runs_here=True, set={"joint.epochs": 2}
)
TASK = Task(name="t", setting="usl", label="", target="market1501", set={"joint.epochs": 4})
ROW = Row(key="k", label="", stop=Stage.JOINT, set={"joint.epochs": 5})
STUDY = Study(
    study="s",
    title="",
    recipe="r",
    report="x",
    tasks=(TASK,),
    rows=(ROW,),
    set={"joint.epochs": 3, "gan.epochs": 3},
)


def test_layers_are_given_lowest_first_and_later_ones_win() -> None:
    found = layers(PROFILE, RECIPE, STUDY, TASK, ROW, {"gan.lr": 0.2})
    assert [(layer.kind, layer.name) for layer in found] == [
        ("profile", "p"),
        ("recipe", "r"),
        ("study", "s"),
        ("task", "t"),
        ("row", "k"),
        (COMMAND_LINE, ""),
    ]
    assert merged(found) == {"joint.epochs": 5, "joint.lr": 0.1, "gan.lr": 0.2, "gan.epochs": 3}
    who = {key: layer.kind for key, layer in origins(found).items()}
    assert who == {
        "joint.epochs": "row",
        "joint.lr": "profile",
        "gan.lr": COMMAND_LINE,
        "gan.epochs": "study",
    }


def test_settings_are_resolved_from_the_same_layers() -> None:
    settings = resolve_settings(PROFILE, RECIPE, STUDY, ROW, {"gan.lr": 0.2}, TASK)
    assert (settings.joint.epochs, settings.joint.lr) == (5, 0.1)
    assert (settings.gan.lr, settings.gan.epochs) == (0.2, 3)


def test_what_is_not_given_is_no_layer() -> None:
    assert [layer.kind for layer in layers(None, RECIPE, None, None, None)] == [
        "recipe",
        COMMAND_LINE,
    ]
    assert merged(layers(None, None, None, None, None)) == {}
