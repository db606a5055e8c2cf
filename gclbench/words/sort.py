"""Which word of a command line is which: run-level words, settings, names without '='."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gclbench.errors import OverrideError
from gclbench.words.kinds import SETTINGS
from gclbench.words.word import Word

_DOTS = "Settings have a dot: joint.temperature=0.05."


@dataclass(frozen=True)
class Sorted:
    """Declared name -> text; how each was spelled; settings as they were typed."""

    words: dict[str, str] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    settings: list[str] = field(default_factory=list)


def sort_words(
    declared: Mapping[str, Word], typed: Sequence[str], note: Callable[[str], object]
) -> Sorted:
    """Sort words by what the declared ones are. Raises OverrideError, as `Words.parse` says."""
    found = Sorted()
    bare: list[str] = []
    for word in typed:
        key, equals, value = word.partition("=")
        key, value = key.strip(), value.strip()
        if not equals and key:
            bare.append(_bare(declared, key))
        elif not key:
            raise _no_word(declared, word)
        elif "." in key:
            _add_setting(declared, found, key, value)
        else:
            _add(found, *_declared_name(declared, key, note), value)
    if bare:
        _add_bare(declared, found, bare)
    return found


def spellings(declared: Mapping[str, Word]) -> dict[str, str]:
    """Every spelling that is taken, former ones too, and the declared name that it is of."""
    return {
        spelling: name
        for name, word in declared.items()
        if not word.option and word.kind is not SETTINGS
        for spelling in (name, *word.also, *word.old)
    }


def unknown_word(key: str, known: Mapping[str, str], hint: str = "") -> OverrideError:
    """The error for a word that no spelling in `known` is, with the nearest one."""
    near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.5)
    nearest = f"Did you mean '{near[0]}'? " if near else ""
    names = ", ".join(sorted(set(known.values())))
    return OverrideError(f"unknown word '{key}'.", f"{nearest}Allowed: {names}. {hint}".strip())


def _declared_name(
    declared: Mapping[str, Word], key: str, note: Callable[[str], object]
) -> tuple[str, str]:
    """The declared name of a spelling, and the spelling."""
    known = spellings(declared)
    name = known.get(key)
    if name is None:
        option = declared[key].option if key in declared else ""
        if option:
            raise OverrideError(f"{key}= is an option.", f"Write {option} {declared[key].shows}.")
        raise unknown_word(key, known, _DOTS if "settings" in declared else "")
    if key in declared[name].old:
        note(f"note: {key}= is now {name}=; the old word still works.")
    return name, key


def _add(found: Sorted, name: str, key: str, value: str) -> None:
    before = found.spelled.get(name)
    if before == key:
        raise OverrideError(f"'{key}' is given twice.", "Give it once.")
    if before is not None:
        raise OverrideError(f"'{before}' and '{key}' are both given.", "Give one.")
    if not value:
        raise OverrideError(f"{key}= has no value.", "Give one, or leave the word out.")
    found.words[name], found.spelled[name] = value, key


def _add_setting(declared: Mapping[str, Word], found: Sorted, key: str, value: str) -> None:
    if "settings" not in declared:
        raise OverrideError(
            f"'{key}' is a setting, and this verb takes none.",
            f"Allowed: {', '.join(sorted(set(spellings(declared).values())))}.",
        )
    if any(setting.partition("=")[0] == key for setting in found.settings):
        raise OverrideError(f"'{key}' is given twice.", "Give it once.")
    found.settings.append(f"{key}={value}")


def _bare(declared: Mapping[str, Word], word: str) -> str:
    """A word without '=' where one word is taken so; else the error that says how to write it."""
    name = spellings(declared).get(word)
    if name is not None:
        raise OverrideError(f"'{word}' has no value.", f"Write {word}={declared[name].shows}.")
    if not any(each.bare for each in declared.values()):
        raise _no_word(declared, word)
    return word


def _add_bare(declared: Mapping[str, Word], found: Sorted, bare: Sequence[str]) -> None:
    name = next(name for name, word in declared.items() if word.bare)
    if len(bare) > 1 and not declared[name].kind.many:
        raise OverrideError(
            f"{len(bare)} values of {name}= are given: {', '.join(bare)}.", "Give one."
        )
    _add(found, name, bare[0], ",".join(dict.fromkeys(bare)))


def _no_word(declared: Mapping[str, Word], word: str) -> OverrideError:
    name, first = next(item for item in declared.items() if not item[1].option)
    return OverrideError(
        f"'{word}' is not of the form key=value.", f"For example: {name}={first.shows}"
    )
