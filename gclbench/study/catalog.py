"""The filled registry: built-in components by their source text, users' by entry point.

Nothing is imported to know a built-in component; its module is when the component is asked for.
"""

from __future__ import annotations

import importlib
from functools import cache, partial
from pathlib import Path

from pydantic import BaseModel

import gclbench
from gclbench.registry import REGISTRY, Chosen, Entry, Registry
from gclbench.study.announcements import announcements
from gclbench.study.plugins import ENTRY_POINTS as ENTRY_POINTS
from gclbench.study.plugins import announce_plugins, import_plugins

ROOMS = (
    "augmentations",
    "losses",
    "networks",
    "memory",
    "pseudolabels",
    "samplers",
    "meshes",
    "datasets",
    "stages",
)


@cache
def announce() -> Registry:
    """Make all built-in components known once, and return the registry."""
    for facts in announcements(ROOMS):
        REGISTRY.announce(facts, partial(importlib.import_module, facts.module))
    return REGISTRY


@cache
def load_catalog() -> Registry:
    """Import all components once, users' too, and return the filled registry."""
    announce()
    for room in ROOMS:
        for file in sorted((Path(gclbench.__file__).parent / room).glob("[!_]*.py")):
            importlib.import_module(f"gclbench.{room}.{file.stem}")
    import_plugins()
    return REGISTRY


@cache
def with_plugins() -> Registry:
    """Import users' components once, and return the registry."""
    announce()
    import_plugins()
    return REGISTRY


def everything() -> Registry:
    """The registry with all that can be named; of users' packages only changed ones are imported.

    For a list: names, revisions and docstrings are there, components come when asked for.
    """
    announce_plugins(announce())
    return REGISTRY


def known(kind: str, name: str) -> Entry:
    """What is known of a component, not imported where it is built in. Raises UnknownNameError."""
    at_hand_name(kind, name)
    return REGISTRY.lookup(kind, name)


def at_hand(*choices: Chosen) -> None:
    """See to it that all that is named can be looked up: users' packages, too, where need be."""
    for choice in choices:
        at_hand_name(choice.kind, choice.name)


def at_hand_name(kind: str, name: str) -> None:
    """As `at_hand`. An unknown name is no error here."""
    if not announce().has(kind, name):
        with_plugins()


def revision(kind: str, name: str) -> int:
    """The revision of a component; raises UnknownNameError for a name nobody registered."""
    return known(kind, name).revision


def parameters(kind: str, name: str) -> type[BaseModel] | None:
    """The model of a component's parameters, None where it takes none. Raises UnknownNameError."""
    return known(kind, name).parameters


def space(augmentation: str) -> str:
    """What an augmentation acts on (see `gclbench.augmentations.base`)."""
    return str(known("augmentations", augmentation).trait("space"))


def guide(augmentation: str) -> str:
    """What guides G where an augmentation gives structure: "mesh" or "gray"."""
    return str(known("augmentations", augmentation).trait("guide") or "mesh")
