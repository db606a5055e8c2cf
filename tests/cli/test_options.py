"""Words of the command line: what is run-level, what is a setting, what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gclbench.cli.options import PLAN_WORDS, Words, parse_words, require_study
from gclbench.errors import OverrideError, UnknownNameError, UsageError


def parse(*words: str) -> Words:
    return parse_words(words, environment={})


def test_run_level_words_and_settings_are_told_apart() -> None:
    parsed = parse(
        "ablation=table6,table5", "profile=smoke", "joint.temperature=0.05", "workers=3"
    )
    assert parsed.studies == ("table6", "table5")
    assert (parsed.profile, parsed.workers) == ("smoke", 3)
    assert parsed.overrides == ("joint.temperature=0.05",)


@pytest.mark.parametrize("text", ["seeds=0,1,2", "seeds=[0, 1, 2]"])
def test_seeds_are_a_list_with_or_without_brackets(text: str) -> None:
    assert parse(text).seeds == (0, 1, 2)


def test_nothing_given_means_laptop_and_the_studys_own_seeds() -> None:
    parsed = parse("ablation=table6")
    assert (parsed.profile, parsed.seeds, parsed.workers) == ("laptop", None, None)
    assert parsed.home == Path("results")


def test_the_results_folder_comes_from_the_environment_unless_named() -> None:
    assert parse_words((), environment={"GCLBENCH_HOME": "/x"}).home == Path("/x")
    assert parse_words(["home=/y"], environment={"GCLBENCH_HOME": "/x"}).home == Path("/y")


def test_equals_signs_in_a_value_are_kept() -> None:
    url = "postgresql://host/db?sslmode=require"
    assert parse(f"store={url}").store == url


def test_data_synthetic_is_the_default_said_aloud() -> None:
    assert parse("data=synthetic").overrides == ()


def test_data_synthetic_and_a_root_contradict_each_other() -> None:
    with pytest.raises(OverrideError, match="contradict"):
        parse("data=synthetic", "data.root=/data")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("table6", "not of the form key=value"),
        ("=1", "not of the form key=value"),
        ("ablatoin=table6", "Did you mean 'ablation'"),
        ("seeds=a", "whole number of 0 or more"),
        ("seeds=-1", "whole number of 0 or more"),
        ("seeds=1.5", "whole number of 0 or more"),
        ("seeds=1,1", "twice"),
        ("seeds=1,01", "twice"),
        ("workers=0", "whole number of 1 or more"),
        ("workers=two", "whole number of 1 or more"),
        ("rows=", "has no value"),
        ("rows=,", "names nothing"),
        ("data=market", "not known"),
    ],
)
def test_a_wrong_word_is_refused_with_its_reason(word: str, message: str) -> None:
    with pytest.raises(OverrideError, match=re.escape(message)):
        parse(word)


def test_the_same_word_twice_is_refused() -> None:
    with pytest.raises(OverrideError, match=re.escape("'joint.lr' is given twice")):
        parse("joint.lr=1", "joint.lr=2")


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'markdown'"):
        parse("format=markdwn")


def test_a_verb_takes_only_its_own_words() -> None:
    with pytest.raises(OverrideError, match="unknown word 'out'"):
        parse_words(["out=x"], PLAN_WORDS, environment={})


def test_a_run_without_an_ablation_says_how_to_name_one() -> None:
    with pytest.raises(UsageError, match="gclbench run ablation=table6"):
        require_study(parse(), "run")


def test_a_recipe_is_the_study_of_its_name_and_task_is_tasks() -> None:
    parsed = parse("recipe=scl,jvtc", "task=market1501,duke2market")
    assert parsed.studies == ("recipe_scl", "recipe_jvtc")
    assert parsed.tasks == ("market1501", "duke2market")
    require_study(parsed, "run")


@pytest.mark.parametrize("words", [("recipe=scl", "ablation=table6"), ("task=a", "tasks=a")])
def test_two_words_for_one_thing_are_refused(words: tuple[str, str]) -> None:
    with pytest.raises(OverrideError, match="both given"):
        parse(*words)


def test_a_recipe_without_a_task_is_told_the_tasks() -> None:
    with pytest.raises(UsageError, match=r"task=NAME.*duke2market"):
        require_study(parse("recipe=scl"), "run")
    with pytest.raises(UsageError, match="'scl' by itself"):
        require_study(parse("ablation=table6,recipe_scl"), "run")
