"""Fill the registry: import every component room, then users' components by entry point."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from functools import cache
from importlib.metadata import entry_points

from pydantic import BaseModel

from gclbench.registry import REGISTRY, Chosen, Registry

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
ENTRY_POINTS = "gclbench.components"


@cache
def load_catalog() -> Registry:
    """Import all components once and return the filled registry.

    A user's package names its modules under the entry point group `gclbench.components`; one that
    cannot be imported is reported as a warning and left out, so that the rest still works.
    """
    for room in ROOMS:
        package = importlib.import_module(f"gclbench.{room}")
        for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
            importlib.import_module(f"gclbench.{room}.{module}")
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        try:
            point.load()
        except Exception as error:  # a broken plug-in must not take the bench down
            warnings.warn(f"component plug-in '{point.name}' is left out: {error}", stacklevel=2)
    return REGISTRY


def at_hand(*choices: Chosen) -> None:
    """Load all components where one is named that is not registered yet: a user's, perhaps."""
    if any(choice.name not in REGISTRY.names(choice.kind) for choice in choices):
        load_catalog()


def revision(kind: str, name: str) -> int:
    """The revision of a component; raises UnknownNameError for a name nobody registered."""
    return load_catalog().lookup(kind, name).revision


def parameters(kind: str, name: str) -> type[BaseModel] | None:
    """The model of a component's parameters, None where it takes none. Raises UnknownNameError."""
    return load_catalog().lookup(kind, name).parameters


def space(augmentation: str) -> str:
    """What an augmentation acts on (see `gclbench.augmentations.base`)."""
    return str(load_catalog().lookup("augmentations", augmentation).component.space)


def guide(augmentation: str) -> str:
    """What guides G where an augmentation gives structure: "mesh" or "gray"."""
    return str(
        getattr(load_catalog().lookup("augmentations", augmentation).component, "guide", "mesh")
    )
