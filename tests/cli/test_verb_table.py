"""The table of verbs is the application's: verbs, options, arguments."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from gclbench.cli.app import app
from gclbench.cli.completion import Shell
from gclbench.cli.doctor import Sweep
from gclbench.cli.list import FIGURE_KIND, kinds
from gclbench.cli.verbs import KINDS, OPTION_VALUES, SHELLS, VERBS, find_verb
from gclbench.words.verbs import MODELS
from gclbench.words.word import Typed


def commands(group: Any = None, name: str = "") -> dict[str, Any]:
    group = group or typer.main.get_command(app)
    if not hasattr(group, "commands"):
        return {name.strip(): group}
    return {
        verb: command
        for part, below in group.commands.items()
        for verb, command in commands(below, f"{name} {part}").items()
    }


def test_every_verb_is_in_the_table() -> None:
    assert set(commands()) == set(VERBS)
    assert {model.verb for model in MODELS} <= set(VERBS)
    assert len({model.verb for model in MODELS}) == len(MODELS)


@pytest.mark.parametrize("name", sorted(VERBS))
def test_its_options_and_arguments_are_those_of_the_verb(name: str) -> None:
    parameters = commands()[name].params
    options = {word for each in parameters for word in each.opts if word.startswith("--")}
    assert set(VERBS[name].options) == options
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    takes_words = VERBS[name].model is not None
    assert len(VERBS[name].arguments) == len(arguments) - takes_words


def test_lists_of_values_are_those_of_the_verbs() -> None:
    assert sorted(SHELLS) == sorted(Shell)
    assert list(OPTION_VALUES["--sweep"]) == list(Sweep)  # type: ignore[arg-type]
    offered = VERBS["list"].arguments[0]
    assert callable(offered)
    listed = {item["name"] for item in kinds()}
    assert FIGURE_KIND in listed
    assert set(offered([], Typed())) == listed | set(KINDS)


def test_a_verb_of_two_parts_is_found_before_its_group() -> None:
    assert find_verb(["mesh", "render", "out=x"]).name == "mesh render"
    assert find_verb(["mesh", "nothing"]).verb is None
    assert find_verb(["run", "table6"]).given == ["table6"]
