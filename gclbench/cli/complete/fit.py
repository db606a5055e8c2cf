"""What fits at the cursor: verbs, options, arguments, words, their values, settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gclbench.cli.verbs import (
    CONTENT,
    OPTION_VALUES,
    Verb,
    find_verb,
    next_parts,
)
from gclbench.words import values
from gclbench.words.help import written
from gclbench.words.kinds import Completed
from gclbench.words.sort import spellings
from gclbench.words.word import Typed, Word

# Names come from users' files too: what a shell would read as more than a word is left out.
_PLAIN = re.compile(r"[\w.+:/=,@%-]+")


@dataclass(frozen=True)
class Candidate:
    """A whole word that fits; `more` is true where something has to follow without a space."""

    text: str
    help: str = ""
    more: bool = False


Answer = list[Candidate] | Completed


def complete(before: Sequence[str], current: str) -> Answer:
    """What the word at the cursor may be, after the words before it; or files, by the shell."""
    found = _fitting(before, current)
    if isinstance(found, Completed):
        return found
    fits = (each for each in found if each.text.startswith(current))
    return [each for each in fits if _PLAIN.fullmatch(each.text)]


def _fitting(before: Sequence[str], current: str) -> Iterable[Candidate] | Completed:
    place = find_verb(before)
    if place.verb is None:
        return _verbs(place.name, place.given)
    option = OPTION_VALUES.get(place.given[-1]) if place.given else None
    if option is not None:
        return option if isinstance(option, Completed) else map(Candidate, option)
    if current.startswith("-"):
        return map(Candidate, (*place.verb.options, "--help"))
    arguments, typed = _typed(place.verb, place.given)
    if len(arguments) < len(place.verb.arguments):
        names = place.verb.arguments[len(arguments)]
        found = names if isinstance(names, Completed) else names(arguments, typed)
        return found if isinstance(found, Completed) else map(Candidate, found)
    if place.verb.model is None:
        return []
    return _words(place.verb.model.declared(), typed, current)


def _verbs(group: str, given: Sequence[str]) -> Iterable[Candidate]:
    if given or not next_parts(group):
        return []
    options = ["--help"] if group else ["--help", "--version"]
    return map(Candidate, [*next_parts(group), *options])


def _typed(verb: Verb, given: Sequence[str]) -> tuple[list[str], Typed]:
    """The arguments that stand already; the words, under their declared names."""
    declared = verb.model.declared() if verb.model else {}
    known = spellings(declared)
    bare = next((name for name, word in declared.items() if word.bare), "")
    arguments: list[str] = []
    words: dict[str, str] = {}
    content: list[str] = []
    for last, word in zip(["", *given], given, strict=False):
        key, equals, value = word.partition("=")
        if last in OPTION_VALUES:
            content += [word] if last == CONTENT else []
        elif word.startswith("-"):
            continue
        elif equals:
            words[known.get(key, key)] = value
        elif len(arguments) < len(verb.arguments):
            arguments.append(word)
        elif bare:
            words[bare] = word
    return arguments, Typed(words, tuple(content))


def _words(
    declared: Mapping[str, Word], typed: Typed, current: str
) -> Iterable[Candidate] | Completed:
    key, equals, _ = current.partition("=")
    if equals:
        if "." in key:
            return _setting_values(key) if "settings" in declared else []
        name = spellings(declared).get(key)
        return [] if name is None else _values(declared[name], f"{key}=", typed, current)
    names = list(_names(declared, typed, current))
    bare = next((name for name, word in declared.items() if word.bare), None)
    if bare is None or bare in typed.words:
        return names
    found = _values(declared[bare], "", typed, current)
    if isinstance(found, Completed):  # the shell's files, unless a word is being typed
        return [each for each in names if current and each.text.startswith(current)] or found
    return [*found, *names]


def _names(declared: Mapping[str, Word], typed: Typed, current: str) -> Iterator[Candidate]:
    """Words that were not given; other spellings only where they are being typed; settings."""
    for spelling, name in spellings(declared).items():
        word = declared[name]
        other = current and spelling not in word.old and not name.startswith(current)
        if name not in typed.words and (spelling == name or other):
            yield Candidate(f"{spelling}=", f"{written(name, word)}: {word.help}", more=True)
    if "settings" in declared:
        yield from _settings(typed, current)


def _settings(typed: Typed, current: str) -> Iterator[Candidate]:
    """The next part of every setting that fits: `joint.`, then `joint.temperature=`."""
    found: dict[str, bool] = {}
    for key in values.settings():
        if key.startswith(current) and key not in typed.words:
            part, dot, _ = key[len(current) :].partition(".")
            found[f"{current}{part}{dot or '='}"] = True
    yield from (Candidate(text, more=True) for text in found)


def _setting_values(key: str) -> Iterable[Candidate] | Completed:
    facts = values.settings().get(key)
    if facts is None:
        return []
    if facts["path"]:
        return Completed.FILES
    return (Candidate(f"{key}={value}", more=facts["many"]) for value in facts["values"])


def _values(word: Word, head: str, typed: Typed, current: str) -> Iterable[Candidate] | Completed:
    """Every value after `head`; of many, those that come next after the last comma."""
    if word.values is None:
        return word.kind.completed
    chosen = current[len(head) :].split(",")[:-1] if word.kind.many else []
    before = head + "".join(f"{each}," for each in chosen)
    left = (value for value in word.values(typed) if value not in chosen)
    return [Candidate(f"{before}{value}", more=word.kind.many and bool(head)) for value in left]
