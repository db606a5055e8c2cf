"""Kind -> name -> component. A component is one file, registered where it is defined."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from gclbench.errors import GclbenchError, UnknownNameError, UsageError

T = TypeVar("T")
# How a choice is written itself: `{name: multi, ...}`, or with `parameters` in one mapping.
_RESERVED = ("name", "parameters")


class Chosen(Protocol):
    """A component as settings name it; `gclbench.schema.choice.Choice` is the real one."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Entry:
    """A registered component; `revision` rises when its numbers change and enters keys.

    `parameters` is the model of what it can be told by settings, None where it takes nothing.
    """

    kind: str
    name: str
    revision: int
    component: Any
    parameters: type[BaseModel] | None = None

    @property
    def module(self) -> str:
        return str(self.component.__module__)

    @property
    def summary(self) -> str:
        """The first line of the component's docstring."""
        return (self.component.__doc__ or "").strip().split("\n")[0]

    def bound(self, given: Mapping[str, Any]) -> Any:
        """The component to be called, which gets its validated model as `parameters=`.

        Without a model it is the component itself. Raises UsageError for parameters that it does
        not take, ValidationError for wrong ones: a plan has looked for both.
        """
        if self.parameters is not None:
            return functools.partial(
                self.component, parameters=self.parameters.model_validate(dict(given))
            )
        if given:
            raise UsageError(f"{self.name} takes no parameters, not {', '.join(given)}.")
        return self.component


class Registry:
    """A table of components; the package has one, tests may make their own."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Entry]] = {}

    def register(
        self,
        kind: str,
        name: str,
        *,
        revision: int = 1,
        parameters: type[BaseModel] | None = None,
    ) -> Callable[[T], T]:
        """Return a decorator that files a component; a name taken by another is an error.

        `parameters`: a frozen model that refuses unknown keys, as `gclbench.schema.Model` is.
        """
        _check_model(f"{kind} '{name}'", parameters)

        def file(component: T) -> T:
            entry = Entry(kind, name, revision, component, parameters)
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

    def bound(self, choice: Chosen) -> Any:
        """The component that a choice names, bound to its parameters; see `Entry.bound`."""
        return self.lookup(choice.kind, choice.name).bound(choice.parameters)

    def kinds(self) -> list[str]:
        return sorted(self._entries)

    def names(self, kind: str) -> list[str]:
        return sorted(self._entries.get(kind, {}))

    def entries(self, kind: str) -> list[Entry]:
        return [self._entries[kind][name] for name in self.names(kind)]


def _check_model(what: str, parameters: type[BaseModel] | None) -> None:
    """Raise GclbenchError for a model that would let a typing error or a change pass unseen."""
    if parameters is None:
        return
    config = parameters.model_config
    if not config.get("frozen") or config.get("extra") != "forbid":
        raise GclbenchError(
            f"the parameters of {what} may be changed, or hold unknown keys.",
            "Derive their model from gclbench.schema.Model.",
        )
    taken = [name for name in _RESERVED if name in parameters.model_fields]
    if taken:
        raise GclbenchError(f"{what} has a parameter '{taken[0]}'.", "Call it something else.")


REGISTRY = Registry()
register = REGISTRY.register
