"""`--seeds 0,1` is answered with `seeds=0,1`: words have no dashes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from gclbench.cli.verbs import Place, find_verb
from gclbench.words.sort import spellings


def undashed(typed: Sequence[str]) -> str | None:
    """The line that says how a word typed with dashes is written; None where none was."""
    place = find_verb(typed)
    for index, word in enumerate(place.given):
        option, _, text = word.partition("=")
        name = _meant(place, option) if option.startswith("--") else None
        if name is not None:
            value = text or _value(place, name, place.given[index + 1 : index + 2])
            return f"error: {option} is no option: words have no dashes. Write {name}={value}"
    return None


def _meant(place: Place, option: str) -> str | None:
    """The word that was meant, if it is nearer than any option of the verb."""
    if place.verb is None or place.verb.model is None or option in place.verb.options:
        return None
    declared, name = place.verb.model.declared(), option[2:].replace("-", "_")
    if "." in name:
        return name if "settings" in declared else None
    known = spellings(declared)
    options = ["help", *(each[2:] for each in place.verb.options)]
    near = difflib.get_close_matches(name, [*known, *options], 1, 0.75)
    if not near or near[0] not in known:
        return None
    meant = known[near[0]]
    return meant if near[0] in declared[meant].old else near[0]


def _value(place: Place, name: str, after: Sequence[str]) -> str:
    """The word that came next, unless it is an option; else what stands for a value in help."""
    if after and not after[0].startswith("-"):
        return after[0]
    declared = place.verb.model.declared() if place.verb and place.verb.model else {}
    known = spellings(declared)
    return declared[known[name]].shows if name in known else "VALUE"
