"""`--seeds 0,1` is answered with `seeds=0,1`: words have no dashes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from gclbench.cli.verbs import find_verb
from gclbench.words.sort import spellings


def undashed(typed: Sequence[str]) -> str | None:
    """The line that says how a word typed with dashes is written; None where none was."""
    place = find_verb(typed)
    if place.verb is None or place.verb.model is None:
        return None
    declared = place.verb.model.declared()
    known = spellings(declared)
    former = {old for word in declared.values() for old in word.old}
    options = (*place.verb.options, "--help")
    for index, word in enumerate(place.given):
        option, equals, text = word.partition("=")
        if not word.startswith("--") or option in options:
            continue
        name = _meant(option, known, options, settings="settings" in declared)
        if name is None:
            continue
        name = known[name] if name in former else name
        after = place.given[index + 1 : index + 2]
        value = text if equals else "".join(after)
        if not value or value.startswith("-"):
            value = declared[known[name]].shows if name in known else "VALUE"
        return f"error: {option} is no option: words have no dashes. Write {name}={value}"
    return None


def _meant(
    option: str, known: Mapping[str, str], options: Sequence[str], *, settings: bool
) -> str | None:
    """The word that was meant, if it is nearer than any option."""
    name = option[2:].replace("-", "_")
    if "." in name:
        return name if settings else None
    if name in known:
        return name
    near = difflib.get_close_matches(name, [*known, *(each[2:] for each in options)], 1, 0.75)
    return near[0] if near and near[0] in known else None
