"""What stage 3 is given: one view, at most one mix, and losses that the two can feed.

A plan asks here, before anything is trained, and imports no shipped component for it.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from gclbench.errors import UsageError
from gclbench.registry import REGISTRY
from gclbench.schema import Settings
from gclbench.schema.choice import AugmentationChoice
from gclbench.schema.settings import JointSettings


def check_augmentations(settings: Settings) -> None:
    """Refuse what `build_augmentations` would refuse; raises UsageError.

    A component that is there already, as a user's is, is made as well: it may refuse its own
    parameters.
    """
    for choice in _chosen(settings.joint).values():
        if REGISTRY.lookup(choice.kind, choice.name).imported:
            _made(choice, settings)


def build_augmentations(settings: Settings) -> tuple[Any, Any | None]:
    """The view augmentation (one) and the mix (at most one) of `joint.augmentations`.

    Raises UsageError for names that do not go together, or losses that they cannot feed.
    """
    made = {role: _made(choice, settings) for role, choice in _chosen(settings.joint).items()}
    return made["view"], made.get("mix")


def _made(choice: AugmentationChoice, settings: Settings) -> Any:
    options = {"angles": settings.gan.angles, "alpha": settings.joint.mix_alpha}
    component = REGISTRY.lookup(choice.kind, choice.name).component
    known = {field.name for field in fields(component)}
    given = {name: value for name, value in options.items() if name in known}
    return REGISTRY.bound(choice)(**given)


def _chosen(joint: JointSettings) -> dict[str, AugmentationChoice]:
    """Role -> choice: "view" and, where it mixes, "mix". Raises UsageError."""
    named = ", ".join(choice.name for choice in joint.augmentations)
    found: dict[str, AugmentationChoice] = {}
    for choice in joint.augmentations:
        role = _trait(choice, "role")
        if role in found:
            raise UsageError(
                f"joint.augmentations names two {role} augmentations: {named}.",
                "Keep one view (none, multi, rotation, ...) and at most one mix.",
            )
        found[role] = choice
    if "view" not in found:
        raise UsageError(
            "joint.augmentations names no view augmentation.",
            "Add one of none, multi, rotation, mesh_switch, gray_switch, oracle_rotation.",
        )
    mixes_people = "mix" in found and _trait(found["mix"], "space") == "identity"
    if mixes_people and _trait(found["view"], "space") != "structure":
        raise UsageError(
            f"joint.augmentations pairs {named.replace(', ', ' and ')}: a mix of identities is "
            "drawn by G, which needs structure.",
            "Take rotation, mesh_switch or gray_switch as the view, or another mix.",
        )
    check_losses(joint, mixes="mix" in found)
    return found


def _trait(choice: AugmentationChoice, name: str) -> str:
    return str(REGISTRY.lookup(choice.kind, choice.name).trait(name))


def check_losses(joint: JointSettings, *, mixes: bool) -> None:
    """Raise UsageError for losses that `joint.augmentations` cannot feed, or for none at all."""
    if not joint.losses:
        raise UsageError("joint.losses is empty.", "Name at least one loss, for example l_vi.")
    for loss in joint.losses:
        if _terms(loss.name) == "MixTerms" and not mixes:
            named = ", ".join(choice.name for choice in joint.augmentations)
            raise UsageError(
                f"joint.losses has {loss.name}, but joint.augmentations mixes nothing: {named}.",
                f"Add mixup, f_mixup or d_mixup there, or take {loss.name} out.",
            )


def _terms(loss: str) -> str:
    """The name of what a loss reads; see `contrast.terms_type`, which also checks a user's."""
    entry = REGISTRY.lookup("losses", loss)
    if not entry.imported:
        return entry.reads[0]
    from gclbench.stages.contrast import terms_type

    return terms_type(loss).__name__
