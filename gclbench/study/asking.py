"""From the words of a verb, or of `gclbench.open`, to the question that they ask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gclbench.study.question import Question
from gclbench.words.groups import StudyWords

# Words that a question calls otherwise; and those that it calls the same.
_OTHERS = {"settings": "overrides", "content": "content_dirs"}
_SAME = (
    *("home", "store", "profile", "seeds", "rows", "tasks", "executor", "workers", "device"),
    "observers",
)


def question_of(words: StudyWords) -> Question:
    """What the words ask; where a verb lacks a word the question's default holds."""
    declared = words.declared()
    names = {**_OTHERS, **dict(zip(_SAME, _SAME, strict=True))}
    given: dict[str, Any] = {
        theirs: getattr(words, word) for word, theirs in names.items() if word in declared
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
