"""Kind -> name -> component. A component is one file, registered where it is defined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from gclbench.errors import GclbenchError, UnknownNameError

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A registered component; `revision` rises when its numbers change and enters keys."""

    kind: str
    name: str
    revision: int
    component: Any

    @property
    def module(self) -> str:
        return str(self.component.__module__)

    @property
    def summary(self) -> str:
        """The first line of the component's docstring."""
        return (self.component.__doc__ or "").strip().split("\n")[0]


class Registry:
    """A table of components; the package has one, tests may make their own."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Entry]] = {}

    def register(self, kind: str, name: str, *, revision: int = 1) -> Callable[[T], T]:
        """Return a decorator that files a component; a name taken by another is an error."""

        def file(component: T) -> T:
            entry = Entry(kind, name, revision, component)
            taken = self._entries.setdefault(kind, {}).get(name)
            if taken is not None and taken.module != entry.module:
                raise GclbenchError(
                    f"{kind} '{name}' is registered by {taken.module} and by {entry.module}.",
                    "Rename one of them.",
                )
            self._entries[kind][name] = entry
            return component

        return file

    def lookup(self, kind: str, name: str) -> Entry:
        """Return the entry. Raises UnknownNameError with the nearest known name."""
        entries = self._entries.get(kind, {})
        if name not in entries:
            raise UnknownNameError(kind, name, entries)
        return entries[name]

    def kinds(self) -> list[str]:
        return sorted(self._entries)

    def names(self, kind: str) -> list[str]:
        return sorted(self._entries.get(kind, {}))

    def entries(self, kind: str) -> list[Entry]:
        return [self._entries[kind][name] for name in self.names(kind)]


REGISTRY = Registry()
register = REGISTRY.register
