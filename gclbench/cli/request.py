"""What the runtime is asked, from the words of a verb."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gclbench.words.groups import StudyWords

if TYPE_CHECKING:
    from gclbench.runtime.session import Request

# Words that the runtime calls otherwise; and those that it calls the same.
_OTHERS = {"settings": "overrides", "content": "content_dirs"}
_SAME = (
    *("home", "store", "profile", "seeds", "rows", "tasks", "executor", "workers", "device"),
    "observers",
)


def to_request(words: StudyWords) -> Request:
    """What the words ask for; where a verb lacks a word the runtime's default holds."""
    from gclbench.runtime.session import Request

    declared = words.declared()
    names = {**_OTHERS, **dict(zip(_SAME, _SAME, strict=True))}
    given: dict[str, Any] = {
        theirs: getattr(words, word) for word, theirs in names.items() if word in declared
    }
    return Request(studies=words.studies, **given)


def with_all_seeds(words: StudyWords) -> Request:
    """As `to_request`, with all seeds that were asked for before where none is named."""
    from gclbench.tracking import known_store

    request = to_request(words)
    store = known_store(request.home, request.store) if request.seeds is None else None
    if store is None:
        return request
    found = {
        seed
        for study in request.studies
        for seed in store.seeds_of(study, request.profile, request.overrides)
    }
    store.close()
    return replace(request, seeds=tuple(sorted(found)) or None)
