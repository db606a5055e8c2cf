"""Models of words: what each verb takes, parsed from a command line or given in Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from gclbench.errors import OverrideError
from gclbench.words.sort import sort_words, unknown_word
from gclbench.words.word import Word

Note = Callable[[str], object]


def _unheard(note: str) -> None:
    """Where nobody listens to notes."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """Base of all models. A field made by `word` is a word; `given` names those that were given.

    Bases of a model stand from the last group of its words to the first: a dataclass orders its
    fields so. None and () mean 'as the study or the profile says'.
    """

    verb: ClassVar[str] = ""
    given: frozenset[str] = dataclasses.field(default=frozenset(), compare=False, repr=False)

    @classmethod
    def declared(cls) -> Mapping[str, Word]:
        """Every word of the model by its name, in the order of the help."""
        fields = dataclasses.fields(cls)
        return {each.name: each.metadata["word"] for each in fields if "word" in each.metadata}

    @classmethod
    def parse(
        cls, typed: Sequence[str], *, content: Sequence[Path] = (), note: Note = _unheard
    ) -> Self:
        """Read the words of a command line; `note` is told of each that has a new name.

        Raises OverrideError for a word that is unknown, given twice, has no '=' or a value of the
        wrong kind, UnknownNameError for a value that is not among those there are.
        """
        declared = cls.declared()
        found = sort_words(declared, typed, note)
        values = {name: declared[name].kind.read(name, text) for name, text in found.words.items()}
        if found.settings:
            from gclbench.schema.overrides import parse_overrides

            values["settings"] = parse_overrides(found.settings)
        if content:
            values["content"] = tuple(content)
        return cls._made(values, found.spelled)

    @classmethod
    def of(cls, **words: Any) -> Self:
        """The same from Python values: lists for words of many, text as on a command line.

        None is the same as leaving a word out. Raises as `parse` does.
        """
        declared = cls.declared()
        names = {also: name for name, each in declared.items() for also in (name, *each.also)}
        spelled: dict[str, str] = {}
        for key, given in words.items():
            if key not in names:
                raise unknown_word(key, names)
            other = spelled.get(names[key])
            if other is not None and given is not None:
                raise OverrideError(f"'{other}' and '{key}' are both given.", "Give one.")
            if given is not None:
                spelled[names[key]] = key
        values = {
            name: declared[name].kind.value(name, words[key]) for name, key in spelled.items()
        }
        return cls._made(values, spelled)

    @classmethod
    def _made(cls, values: Mapping[str, Any], spelled: Mapping[str, str]) -> Self:
        for name, each in cls.declared().items():
            if name in values:
                each.check(name, values[name])
            elif each.needed:
                example = f"For example: gclbench {cls.verb} {each.needed}"
                raise OverrideError(f"{name}= is missing.", example)
        made = cls(**values, given=frozenset(values))
        made.check(spelled)
        return made

    def check(self, spelled: Mapping[str, str]) -> None:
        """Raise OverrideError for words that contradict each other, named as they were typed."""
