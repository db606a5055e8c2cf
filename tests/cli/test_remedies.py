"""Every command and page that a text of the package names is one that there is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gclbench.cli.verbs import find_verb, next_parts
from gclbench.words.model import Words
from gclbench.words.sort import spellings

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gclbench"
# In code quotes, at the start of a line, or behind a colon: there a command stands.
COMMAND = re.compile(r"(?:^ *|`|: +)gclbench ([a-z]+(?: +[^\s`\"',;()|]+)*)")
PAGE = re.compile(r"docs/[\w/-]+\.md")


def texts() -> Iterator[tuple[str, str]]:
    """Every string of the package with its place; what an f-string fills in is X."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        inside = {id(part) for node in joined for part in node.values}
        for node in ast.walk(tree):
            place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                yield place, "".join(_text(part) for part in node.values)
            elif isinstance(node, ast.Constant) and id(node) not in inside:
                yield place, _text(node)


def _text(part: ast.expr) -> str:
    if not isinstance(part, ast.Constant):
        return "X"
    return part.value if isinstance(part.value, str) else ""


def commands() -> list[tuple[str, str]]:
    return [
        (place, match[1].rstrip(".: "))
        for place, text in texts()
        for line in text.splitlines()
        for match in COMMAND.finditer(line)
    ]


def problem(command: str) -> str:
    """What is wrong with a command; '' for one that the parser knows."""
    typed = command.split()
    place = find_verb(typed)
    if place.verb is None:
        group = len(typed) == 1 and typed[0] in next_parts()
        return "" if group else f"no verb {' '.join(typed[:2])}"
    for word in place.given:
        name, equals, _ = word.partition("=")
        if name.startswith("--") and name not in (*place.verb.options, "--help"):
            return f"no option {name}"
        if equals and not name.startswith("-") and not known(place.verb.model, name):
            return f"no word {name}="
    return ""


def known(model: type[Words] | None, name: str) -> bool:
    if model is None:
        return False
    declared = model.declared()
    return name in spellings(declared) or ("." in name and "settings" in declared)


def test_there_are_commands_to_check() -> None:
    found = [command for _, command in commands()]
    assert len(found) > 80
    assert any(command.startswith("show run") for command in found)


def test_every_command_that_a_text_names_is_parsed() -> None:
    wrong = [(place, command, problem(command)) for place, command in commands()]
    assert [each for each in wrong if each[2]] == []


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("show run 3fb0", ""),
        ("shwo run", "no verb shwo run"),
        ("run table6 profil=smoke", "no word profil="),
        ("doctor --swep old", "no option --swep"),
    ],
)
def test_the_check_sees_what_is_wrong(command: str, wrong: str) -> None:
    assert problem(command) == wrong


def test_every_page_that_a_text_names_is_there() -> None:
    named = {(place, page) for place, text in texts() for page in PAGE.findall(text)}
    assert len(named) > 10
    assert [each for each in sorted(named) if not (ROOT / each[1]).is_file()] == []
