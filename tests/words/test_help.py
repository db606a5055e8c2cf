"""Words as help shows them, and docs/words.md, which is written from the models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gclbench.words.help import WIDTH, help_of, verb_table, word_block, word_table
from gclbench.words.model import Words
from gclbench.words.verbs import MODELS, RunWords

DOCS = Path(__file__).resolve().parents[2] / "docs" / "words.md"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.verb)
def test_every_word_is_in_the_help_within_the_width(model: type[Words]) -> None:
    lines = word_block(model).splitlines()
    assert lines[:2] == ["\b", "Words:"]
    assert max(map(len, lines)) <= WIDTH
    for name, word in model.declared().items():
        start = "section.setting=" if name == "settings" else f"{name}="
        assert any(line.strip().startswith(start) for line in lines) != bool(word.option)
        assert word.help
        assert word.help.endswith("...") or not word.help.endswith(".")


def test_the_words_stand_before_the_examples() -> None:
    def verb() -> None:
        """Do it.

        More.

        \b
        Examples:
          gclbench run table6
        """

    text = help_of(verb, RunWords)
    assert text.startswith("Do it.\n\nMore.\n\n\b\nWords:\n  study=NAME[,NAME]")
    assert text.endswith("\n\n\b\nExamples:\n  gclbench run table6")


def between(text: str, name: str) -> tuple[int, int]:
    start = text.index(f"<!-- {name} -->\n") + len(f"<!-- {name} -->\n")
    return start, text.index("<!-- end -->", start)


@pytest.mark.parametrize(
    ("name", "table"), [("words", word_table(MODELS)), ("verbs", verb_table(MODELS))]
)
def test_the_documentation_has_the_words_of_the_models(name: str, table: str) -> None:
    text = DOCS.read_text(encoding="utf-8")
    start, end = between(text, name)
    if os.environ.get("GCLBENCH_WRITE_GOLDEN"):
        DOCS.write_text(f"{text[:start]}{table}\n{text[end:]}", encoding="utf-8")
    assert DOCS.read_text(encoding="utf-8")[start:].startswith(f"{table}\n<!-- end -->")
