"""A word: what a field of a model of words says beside its name, type and default."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gclbench.errors import UnknownNameError
from gclbench.words.kinds import Kind


@dataclass(frozen=True)
class Typed:
    """What stands on a command line already: declared name -> text, and folders of content."""

    words: Mapping[str, str] = field(default_factory=dict)
    content: tuple[str, ...] = ()

    def names(self, word: str) -> list[str]:
        """The names that a word of many holds so far."""
        text = self.words.get(word, "").strip("[]")
        return [part.strip() for part in text.split(",") if part.strip()]


Values = Callable[[Typed], Iterable[str]]


@dataclass(frozen=True)
class Word:
    """`shows` stands for the value in help; `values` gives those there are, `closed` no others.

    `also` are other spellings, taken in silence; `old` former names, taken with a note. A word
    without '=' is the value of the one that is `bare`. `needed` is an example of it, where it
    must be given. `option` is how it is written instead of NAME=VALUE.
    """

    help: str
    kind: Kind
    shows: str
    values: Values | None = None
    closed: bool = False
    also: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    bare: bool = False
    needed: str = ""
    option: str = ""

    def check(self, name: str, value: Any) -> Any:
        """Return the value. Raises UnknownNameError for one that is not among closed values."""
        known = list(self.values(Typed())) if self.closed and self.values else ()
        for item in (value if self.kind.many else (value,)) if known else ():
            if item not in known:
                raise UnknownNameError(name, item, known)
        return value


def word(
    help: str,
    kind: Kind,
    shows: str,
    default: Any = None,
    *,
    factory: Callable[[], Any] | None = None,
    **more: Any,
) -> Any:
    """A field that is a word; `more` are fields of `Word`. One that is `needed` has no default."""
    about = {"word": Word(help, kind, shows, **more)}
    if more.get("needed"):
        return dataclasses.field(metadata=about)
    if factory is not None:
        return dataclasses.field(default_factory=factory, metadata=about)
    return dataclasses.field(default=default, metadata=about)


def again(model: type[Any], name: str, **changes: Any) -> Any:
    """The word `name` of a group with another help, metavar or values for one verb."""
    before = model.__dataclass_fields__[name]
    about = {"word": dataclasses.replace(before.metadata["word"], **changes)}
    if about["word"].needed:
        return dataclasses.field(metadata=about)
    return dataclasses.field(
        default=before.default, default_factory=before.default_factory, metadata=about
    )
