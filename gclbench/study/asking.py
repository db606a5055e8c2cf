"""From the words of a verb, or of `gclbench.open`, to the question that they ask."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from gclbench.study.question import Question
from gclbench.words.groups import StudyWords

# What a question calls otherwise than the word does.
_WORDS = {"overrides": "settings", "content_dirs": "content"}


def question_of(words: StudyWords) -> Question:
    """What the words ask; where a verb lacks a word the question's default holds."""
    named = {field.name: _WORDS.get(field.name, field.name) for field in fields(Question)}
    given: dict[str, Any] = {
        name: getattr(words, word) for name, word in named.items() if word in words.declared()
    }
    return Question(studies=words.studies, **given)


def with_all_seeds(words: StudyWords) -> Question:
    """As `question_of`, with all seeds that were asked for before where none is named."""
    from gclbench.tracking import known_store

    question = question_of(words)
    store = known_store(question.home, question.store) if question.seeds is None else None
    if store is None:
        return question
    found = {
        seed
        for study in question.studies
        for seed in store.seeds_of(study, question.profile, question.overrides)
    }
    store.close()
    return replace(question, seeds=tuple(sorted(found)) or None)
