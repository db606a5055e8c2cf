from __future__ import annotations

import pytest

from gclbench.content import parse_overrides, resolve_settings
from gclbench.errors import OverrideError
from gclbench.schema import Profile, Recipe, Row, Settings, Study, Task
from gclbench.schema.overrides import flatten, nest, setting_types

TASK = Task(name="market1501", setting="usl", label="M", target="market1501")


def study(*rows: Row, **values: object) -> Study:
    return Study(
        **{
            "study": "mini",
            "title": "T",
            "recipe": "r",
            "tasks": (TASK,),
            "rows": rows or (Row(key="a", label="A"),),
            "report": "mini",
            **values,
        }
    )


def test_every_setting_has_one_dotted_key() -> None:
    flat = flatten(Settings().model_dump())
    assert set(setting_types()) == set(flat)
    assert Settings.model_validate(nest(flat)) == Settings()


@pytest.mark.parametrize(
    "word, expected",
    [
        ("joint.pseudo_labels.eps=0.45", 0.45),
        ("joint.lr=1e-4", 1e-4),
        ("joint.epochs=3", 3),
        ("joint.exclude_self_positive=true", True),
        ("joint.augmentations=rotation,d_mixup", ["rotation", "d_mixup"]),
        ("joint.augmentations=[rotation, 'd_mixup']", ["rotation", "d_mixup"]),
        ("joint.augmentations=[]", []),
        ("network.generator.structure_dilations=1,2,3", [1, 2, 3]),
        ("data.root=none", None),
        ("data.root=/data/123", "/data/123"),
        ("data.root=123", "123"),
        ("data.root=/a=b", "/a=b"),
        ("gan.angles=6", 6),
        ("gan.adversarial=nsgan", "nsgan"),
        ("seeds=0,1,2", [0, 1, 2]),
        ("rows=[a,b]", ["a", "b"]),
        ("tasks=market1501", ["market1501"]),
    ],
)
def test_values_are_typed_by_their_setting(word: str, expected: object) -> None:
    (value,) = parse_overrides([word]).values()
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    "word, words",
    [
        ("joint.eps=0.5", ["unknown setting 'joint.eps'", "'joint.pseudo_labels.eps'"]),
        ("epochs=5", ["unknown setting 'epochs'", "Did you mean"]),
        ("jiont.epochs=5", ["unknown setting", "epochs'?"]),
        ("qqq=5", ["unknown setting 'qqq'", "joint"]),
        ("joint=5", ["is a section", "joint.epochs"]),
        ("joint.epochs=few", ["joint.epochs", "'few'", "valid integer"]),
        ("joint.epochs=0", ["joint.epochs", "greater than 0"]),
        ("joint.epochs=2.5", ["joint.epochs", "2.5"]),
        ("joint.epochs=true", ["joint.epochs", "not a switch"]),
        ("joint.lr=nan", ["joint.lr", "finite"]),
        ("joint.pseudo_labels.eps=1.5", ["less than 1"]),
        ("gan.angles=5", ["gan.angles", "7 or 6"]),
        ("gan.adversarial=wgan", ["'lsgan' or 'nsgan'"]),
        ("joint.losses=l_vi,l_vi", ["l_vi, l_vi"]),
        ("network.generator.structure_dilations=1,2", ["structure_dilations"]),
        ("joint.epochs", ["not of the form key=value"]),
        ("=3", ["not of the form key=value"]),
        ("seeds=a", ["whole numbers"]),
        ("seeds=-1", ["whole numbers"]),
        ("seeds=", ["whole numbers"]),
        ("joint.lr=__import__('os')", ["joint.lr", "valid number"]),
    ],
)
def test_a_wrong_override_is_one_clear_line(word: str, words: list[str]) -> None:
    with pytest.raises(OverrideError) as caught:
        parse_overrides([word])
    assert "\n" not in str(caught.value)
    for part in words:
        assert part in str(caught.value)


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(OverrideError, match="given twice"):
        parse_overrides(["joint.epochs=1", "joint.epochs=2"])


def test_later_layers_win() -> None:
    profile = Profile(
        profile="p", title="P", set={"joint.epochs": 1, "gan.epochs": 1, "source.epochs": 1}
    )
    recipe = Recipe(
        recipe="r",
        title="R",
        reference="",
        setting="usl",
        runs_here=True,
        set={"joint": {"epochs": 2}, "gan": {"epochs": 2}},
    )
    row = Row(key="a", label="A", set={"joint.temperature": 0.4})
    whole = study(row, set={"joint.epochs": 3, "joint.temperature": 0.3})
    settings = resolve_settings(profile, recipe, whole, row, {"joint.epochs": 5})
    assert settings.source.epochs == 1
    assert settings.gan.epochs == 2
    assert settings.joint.epochs == 5
    assert settings.joint.temperature == 0.4
    assert settings.warmup == Settings().warmup


def test_a_task_is_laid_over_the_study_and_under_the_row() -> None:
    task = Task(
        name="msmt17",
        setting="usl",
        label="M",
        target="msmt17",
        set={"warmup": {"frame_bin": 1}, "joint.epochs": 4, "joint.lr": 0.4},
    )
    row = Row(key="a", label="A", set={"joint.epochs": 5})
    whole = study(row, set={"warmup.frame_bin": 7, "joint.lr": 0.3})
    settings = resolve_settings(None, None, whole, row, {"joint.lr": 0.5}, task)
    assert (settings.warmup.frame_bin, settings.joint.epochs, settings.joint.lr) == (1, 5, 0.5)


def test_nothing_given_gives_the_defaults() -> None:
    assert resolve_settings(None, None, None, None, {}) == Settings()


def test_a_key_that_rows_vary_cannot_be_overridden() -> None:
    rows = (
        Row(key="a", label="A"),
        Row(key="b", label="B", set={"joint": {"losses": ["l_vi"]}}),
    )
    with pytest.raises(OverrideError, match=r"'joint.losses' is what the rows of 'mini' vary"):
        resolve_settings(None, None, study(*rows), rows[0], {"joint.losses": ["l_vi"]})
