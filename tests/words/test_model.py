"""Models of words: parsed, made from Python, refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import GclbenchError, OverrideError, UnknownNameError
from gclbench.words.verbs import (
    CheckDataWords,
    DoctorWords,
    EmbedWords,
    OpenWords,
    PlanWords,
    RunWords,
)


def test_words_and_settings_are_told_apart() -> None:
    parsed = RunWords.parse(
        ["ablation=table6,table5", "profile=smoke", "joint.temperature=0.05", "workers=3"]
    )
    assert parsed.study == ("table6", "table5")
    assert (parsed.profile, parsed.workers) == ("smoke", 3)
    assert parsed.settings == {"joint.temperature": 0.05}
    assert parsed.given == {"study", "profile", "settings", "workers"}


def test_python_and_the_command_line_say_the_same() -> None:
    typed = ["table6", "profile=smoke", "seeds=0,1", "rows=none", "joint.temperature=0.05"]
    parsed = RunWords.parse([*typed, "home=~/x"], content=[Path("mine")])
    made = RunWords.of(
        study="table6", profile="smoke", seeds=[0, 1], rows=["none"], home="~/x",
        settings={"joint.temperature": 0.05}, content=["mine"], workers=None,
    )  # fmt: skip
    assert made == parsed
    assert made.given == parsed.given


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (["ablatoin=table6"], {"ablatoin": "table6"}),
        (["seeds=1,1"], {"seeds": "1,1"}),
        (["workers=0"], {"workers": "0"}),
        (["executor=slrm"], {"executor": "slrm"}),
        (["ablation=table6", "recipe=scl"], {"ablation": "table6", "recipe": ["scl"]}),
        (["task=a", "tasks=b"], {"task": "a", "tasks": "b"}),
        (["data=market"], {"data": "market"}),
        (["joint.epochs=0"], {"settings": {"joint.epochs": 0}}),
    ],
)
def test_python_and_the_command_line_raise_the_same(
    typed: list[str], given: dict[str, Any]
) -> None:
    errors = []
    for ask in (lambda: PlanWords.parse(typed), lambda: PlanWords.of(**given)):
        with pytest.raises(GclbenchError) as caught:
            ask()
        errors.append((type(caught.value), str(caught.value).split(" Allowed")[0]))
    assert errors[0] == errors[1]


def test_nothing_given_means_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GCLBENCH_HOME", raising=False)
    parsed = RunWords.parse(["ablation=table6"])
    assert (parsed.profile, parsed.seeds, parsed.workers) == ("laptop", None, None)
    assert parsed.home == Path("results")
    assert parsed.settings == {}


def test_the_results_folder_comes_from_the_environment_unless_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GCLBENCH_HOME", "/x")
    assert DoctorWords.parse(()).home == DoctorWords.of().home == Path("/x")
    assert DoctorWords.parse(["home=/y"]).home == Path("/y")


def test_equals_signs_in_a_value_are_kept() -> None:
    url = "postgresql://host/db?sslmode=require"
    assert RunWords.parse([f"store={url}"]).store == url


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("=1", "not of the form key=value"),
        ("ablatoin=table6", "Did you mean 'ablation'"),
        ("taks=market1501", "Did you mean 'tasks'"),
        ("rows=", "has no value"),
        ("data=market", "not known"),
        ("content=mine", "Write --content DIR"),
        ("settings=joint.lr", "unknown word 'settings'"),
        ("seeds", "'seeds' has no value. Write seeds=0,1,2."),
    ],
)
def test_a_wrong_word_is_refused_with_its_reason(word: str, message: str) -> None:
    with pytest.raises(OverrideError, match=re.escape(message)):
        RunWords.parse([word])


def test_a_verb_takes_only_its_own_words_and_lists_them() -> None:
    with pytest.raises(OverrideError, match="unknown word 'out'") as caught:
        PlanWords.parse(["out=x"])
    assert "Allowed: data, device, executor, home, observers, profile, recipe" in str(caught.value)
    with pytest.raises(OverrideError, match=r"'joint.lr' is a setting, and this verb takes none"):
        DoctorWords.parse(["joint.lr=1"])


def test_a_closed_list_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'markdown'"):
        RunWords.parse(["format=csv,markdwn"])
    with pytest.raises(UnknownNameError, match="Did you mean 'inline'"):
        OpenWords.of(executor="inlin")


def test_a_word_that_is_needed_is_asked_for_with_an_example() -> None:
    with pytest.raises(OverrideError) as caught:
        EmbedWords.of(checkpoint="x")
    assert str(caught.value) == (
        "images= is missing. For example: gclbench embed checkpoint=e_id.pth images=shots/"
    )


def test_an_old_name_is_noted_and_works() -> None:
    notes: list[str] = []
    assert CheckDataWords.parse(["role=mars"], note=notes.append).dataset == "mars"
    assert notes == ["note: role= is now dataset=; the old word still works."]
    notes.clear()
    CheckDataWords.parse(["mars"], note=notes.append)
    RunWords.parse(["ablation=table6", "task=a", "row=b", "seed=1"], note=notes.append)
    assert notes == []


def test_the_declared_words_are_immutable_fields() -> None:
    parsed = RunWords.parse(["table6"])
    with pytest.raises(AttributeError):
        parsed.profile = "smoke"  # type: ignore[misc]
    assert list(RunWords.declared())[:3] == ["study", "tasks", "rows"]
