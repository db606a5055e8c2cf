"""Every verb with its words, options and arguments: what completion and advice look up.

A test holds the table against the application, which would take too long to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gclbench.words import values
from gclbench.words.kinds import Completed
from gclbench.words.model import Words
from gclbench.words.verbs import MODELS
from gclbench.words.word import Typed

# The arguments before this one, and what was typed -> the names that there are.
Names = Callable[[Sequence[str], Typed], Iterable[str]]

CONTENT = "--content"
JSON = "--json"
# Other names of kinds that `gclbench list` and `gclbench show` take.
KINDS = {"recipes": "baselines", "studies": "ablations"}
SHELLS = ("bash", "fish", "zsh")


@dataclass(frozen=True)
class Verb:
    """`arguments` stand before the words. A verb without a model takes no words."""

    model: type[Words] | None = None
    arguments: tuple[Names | Completed, ...] = ()
    options: tuple[str, ...] = ()


def _kinds(before: Sequence[str], typed: Typed) -> Iterable[str]:
    content = ("ablations", "baselines", "profiles", "published", "reports", *KINDS)
    return sorted({*content, "figures", "settings", *values.component_kinds()})


def _shown_kinds(before: Sequence[str], typed: Typed) -> Iterable[str]:
    return sorted({"cell", "run", *_kinds(before, typed)})


def _sections(before: Sequence[str], typed: Typed) -> Iterable[str]:
    """The sections of settings, where these are listed."""
    named = values.settings() if before[-1] == "settings" else ()
    return sorted({name.rpartition(".")[0] for name in named} - {""})


def _names(before: Sequence[str], typed: Typed) -> Iterable[str]:
    """The names of the kind that stands before."""
    kind = KINDS.get(before[-1], before[-1])
    if kind == "figures":
        return _figures(before, typed)
    if kind == "settings":
        return values.settings()
    if kind in ("cell", "run"):
        return ()
    of_components = kind in values.component_kinds()
    return values.components(kind) if of_components else values.of_content(kind, typed)


def _figures(before: Sequence[str], typed: Typed) -> Iterable[str]:
    from gclbench.runtime.figures.registry import FIGURES

    return FIGURES


def _shells(before: Sequence[str], typed: Typed) -> Iterable[str]:
    return SHELLS


def _worded(model: type[Words]) -> Verb:
    name = model.verb
    options = (word.option for word in model.declared().values() if word.option)
    return Verb(model, _ARGUMENTS.get(name, ()), (*_OPTIONS.get(name, ()), *options))


# Beside those that are words, such as --content.
_OPTIONS = {
    **dict.fromkeys(("plan", "tune", "invariance", "embed", "checkpoint export", "show"), (JSON,)),
    "checkpoint show": (JSON, "--tensors"),
    "data check": ("--deep", JSON),
    "doctor": (JSON, "--sweep"),
}
_ARGUMENTS: dict[str, tuple[Names | Completed, ...]] = {
    "figure": (_figures,),
    "checkpoint show": (Completed.FILES,),
    "checkpoint export": (Completed.NOTHING,),
    "show": (_shown_kinds, _names),
}
VERBS: dict[str, Verb] = {
    **{model.verb: _worded(model) for model in MODELS},
    "list": Verb(None, (_kinds, _sections), (JSON, "--markdown", CONTENT)),
    "completion": Verb(None, (_shells,)),
}
# The values of options that have some.
OPTION_VALUES: dict[str, Sequence[str] | Completed] = {
    CONTENT: Completed.FOLDERS,
    "--sweep": ("old", "all"),
}


@dataclass(frozen=True)
class Place:
    """Where on a command line the cursor is: the verb, if there is one, and what it was given."""

    name: str
    verb: Verb | None
    given: list[str] = field(default_factory=list)


def find_verb(typed: Sequence[str]) -> Place:
    """The verb of a command line, and the words after it; before a verb its first part."""
    for length in (2, 1):
        name = " ".join(typed[:length])
        if len(typed) >= length and name in VERBS:
            return Place(name, VERBS[name], list(typed[length:]))
    return Place(" ".join(typed[:1]), None, list(typed[1:]))


def next_parts(group: str = "") -> list[str]:
    """The first parts of verbs, or the second ones of a group such as `mesh`."""
    if not group:
        return sorted({name.partition(" ")[0] for name in VERBS})
    return sorted(name.partition(" ")[2] for name in VERBS if name.startswith(f"{group} "))
