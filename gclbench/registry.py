"""Kind -> name -> component. A component is one file, registered where it is defined."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from gclbench.errors import GclbenchError, UnknownComponentError, UsageError

T = TypeVar("T")
# How a choice is written itself: `{name: multi, ...}`, or with `parameters` in one mapping.
_RESERVED = ("name", "parameters")
_NO_READING = ("parameters", "return")


class Chosen(Protocol):
    """A component as settings name it; `gclbench.schema.choice.Choice` is the real one."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...


class Entry:
    """A registered component; `revision` rises when its numbers change and enters keys.

    `parameters` is the model of what it can be told by settings, None where it takes nothing.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        revision: int,
        component: Any,
        parameters: type[BaseModel] | None = None,
    ) -> None:
        self.kind, self.name, self.revision = kind, name, revision
        self._component, self._parameters = component, parameters

    @property
    def component(self) -> Any:
        return self._component

    @property
    def parameters(self) -> type[BaseModel] | None:
        return self._parameters

    @property
    def takes_parameters(self) -> bool:
        return self.parameters is not None

    @property
    def module(self) -> str:
        return str(self.component.__module__)

    @property
    def docstring(self) -> str:
        """The component's docstring without its indentation, "" for none of its own."""
        return inspect.cleandoc(self.component.__doc__ or "")

    @property
    def summary(self) -> str:
        """The first line of the component's docstring."""
        return self.docstring.split("\n")[0]

    @property
    def settings(self) -> Mapping[str, str]:
        """Fields of a dataclass, or arguments of a function, with their defaults as text."""
        return _arguments(self.component)

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the types of a function's arguments, `parameters` and result aside."""
        hints = getattr(self.component, "__annotations__", {})
        if isinstance(self.component, type):
            return ()
        return tuple(_type_name(hints[name]) for name in hints if name not in _NO_READING)

    @property
    def imported(self) -> bool:
        """Whether the component is there, so that asking for it imports nothing."""
        return True

    def trait(self, name: str, default: Any = None) -> Any:
        """An attribute of the component's class, such as the `space` of an augmentation."""
        return getattr(self.component, name, default)

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


@dataclass(frozen=True)
class Facts:
    """What is known of a component before it is imported: announced, not yet registered.

    `parameters_from`: module and name of the model, `("", "")` where only its existence is known.
    `settings` and `reads` as those of `Entry`. `traits` are the plain attributes of its class,
    None where they are not known.
    """

    kind: str
    name: str
    revision: int
    module: str
    docstring: str
    parameters_from: tuple[str, str] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    traits: Mapping[str, Any] | None = None
    reads: tuple[str, ...] = ()


class Announced(Entry):
    """An entry whose `component` is imported when it is first asked for, by `load`.

    Name, revision, docstring and traits are known without. Raises GclbenchError where `load`
    registers no such component.
    """

    def __init__(self, facts: Facts, load: Callable[[], object], registry: Registry) -> None:
        super().__init__(facts.kind, facts.name, facts.revision, None)
        self.facts, self._load, self._registry = facts, load, registry

    @property
    def component(self) -> Any:
        return self._registered().component

    @property
    def parameters(self) -> type[BaseModel] | None:
        if self.facts.parameters_from is None:
            return None
        module, name = self.facts.parameters_from
        if not name:
            return self._registered().parameters
        model: type[BaseModel] = getattr(importlib.import_module(module), name)
        return model

    @property
    def takes_parameters(self) -> bool:
        return self.facts.parameters_from is not None

    @property
    def module(self) -> str:
        return self.facts.module

    @property
    def docstring(self) -> str:
        return self.facts.docstring

    @property
    def settings(self) -> Mapping[str, str]:
        return self.facts.settings

    @property
    def reads(self) -> tuple[str, ...]:
        return self.facts.reads

    @property
    def imported(self) -> bool:
        return self._registry.registered(self.kind, self.name) is not None

    def trait(self, name: str, default: Any = None) -> Any:
        known = self.facts.traits
        if known is None:
            return self._registered().trait(name, default)
        return known.get(name, default)

    def _registered(self) -> Entry:
        found = self._registry.registered(self.kind, self.name)
        if found is None:
            self._load()
            found = self._registry.registered(self.kind, self.name)
        if found is None:
            raise GclbenchError(f"{self.module} registers no {self.kind} '{self.name}' any more.")
        return found


class Registry:
    """A table of components; the package has one, tests may make their own."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Entry]] = {}
        self._announced: dict[str, dict[str, Entry]] = {}

    def announce(self, facts: Facts, load: Callable[[], object]) -> None:
        """Make a component known that `load()` registers; a name taken by another is an error."""
        self._refuse_taken(facts.kind, facts.name, facts.module)
        entry = Announced(facts, load, self)
        self._announced.setdefault(facts.kind, {})[facts.name] = entry

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
            self._refuse_taken(kind, name, entry.module)
            self._entries.setdefault(kind, {})[name] = entry
            return component

        return file

    def registered(self, kind: str, name: str) -> Entry | None:
        """The entry whose component has been imported, None for one that was not."""
        return self._entries.get(kind, {}).get(name)

    def lookup(self, kind: str, name: str) -> Entry:
        """Return the entry. Raises UnknownComponentError with the nearest known name."""
        known = self._known(kind)
        if name not in known:
            raise UnknownComponentError(kind, name, known)
        return known[name]

    def bound(self, choice: Chosen) -> Any:
        """The component that a choice names, bound to its parameters; see `Entry.bound`."""
        return self.lookup(choice.kind, choice.name).bound(choice.parameters)

    def has(self, kind: str, name: str) -> bool:
        return name in self._entries.get(kind, {}) or name in self._announced.get(kind, {})

    def kinds(self) -> list[str]:
        return sorted(kind for kind in {*self._entries, *self._announced} if self._known(kind))

    def names(self, kind: str) -> list[str]:
        return sorted(self._known(kind))

    def entries(self, kind: str) -> list[Entry]:
        known = self._known(kind)
        return [known[name] for name in sorted(known)]

    def _known(self, kind: str) -> dict[str, Entry]:
        """What was imported goes before what was only announced."""
        return self._announced.get(kind, {}) | self._entries.get(kind, {})

    def _refuse_taken(self, kind: str, name: str, module: str) -> None:
        taken = self._known(kind).get(name)
        if taken is not None and taken.module != module:
            raise GclbenchError(
                f"{kind} '{name}' is registered by {taken.module} and by {module}.",
                "Rename one of them.",
            )


def _type_name(hint: Any) -> str:
    text = hint if isinstance(hint, str) else getattr(hint, "__name__", str(hint))
    return text.rpartition(".")[-1]


def _arguments(component: Any) -> dict[str, str]:
    if is_dataclass(component):
        given = {field.name: field.default for field in fields(component) if field.init}
        missing: Any = MISSING
    else:
        try:
            found = inspect.signature(component).parameters
        except (TypeError, ValueError):
            return {}
        given = {name: parameter.default for name, parameter in found.items()}
        missing = inspect.Parameter.empty
    return {
        name: "required" if default is missing else repr(default)
        for name, default in given.items()
        if name != "parameters"
    }


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
