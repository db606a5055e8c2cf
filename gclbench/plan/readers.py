"""Which stages a setting is part of: those whose key it enters, and that are trained anew for it.

Found by asking `stage_settings`, so that it cannot differ from what keys are made of. What enters
in another form, such as a digest of files, is listed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from gclbench.plan.graph import stage_settings
from gclbench.plan.unsaid import unsaid_choices, unsaid_settings
from gclbench.schema import Settings, Stage
from gclbench.schema.dotted import flatten, nest, setting_types
from gclbench.schema.settings import VIDEO_ROLES

_EVERY = tuple(Stage)
_AFTER_PRETRAIN = tuple(stage for stage in Stage if stage is not Stage.PRETRAIN)
_ON_TARGET = (Stage.WARMUP, Stage.GAN, Stage.JOINT, Stage.EVALUATE)
_GENERATIVE = (Stage.GAN, Stage.JOINT)
# Settings and sections that enter in another form: as bytes, or as the world that they make.
_OTHERWISE = {
    "data.root": _AFTER_PRETRAIN,
    "data.validation_share": _ON_TARGET,
    "data.world": _AFTER_PRETRAIN,
    "data.world.seed": _EVERY,
    "data.mesh": _GENERATIVE,
    "data.video.train_frames_kept": _AFTER_PRETRAIN,
    "data.video.test_frames_kept": _AFTER_PRETRAIN,
    "data.video.mars_gallery": _AFTER_PRETRAIN,
    "pretrain.weights": (Stage.PRETRAIN,),
    "warmup.checkpoint.path": (Stage.WARMUP,),
    "warmup.buc.frames_kept": (Stage.WARMUP,),
    "gan.checkpoint": (Stage.GAN,),
    # Its view is that of stage 2 too, where `gan.view` names none.
    "joint.augmentations": (Stage.GAN,),
}


def stages_of(setting: str) -> tuple[Stage, ...]:
    """The stages whose key a setting can enter, first stage first; () for an unknown name."""
    found = _readers().get(setting, frozenset[Stage]())
    section = setting.rpartition(".")[0]
    found |= frozenset(_OTHERWISE.get(setting, _OTHERWISE.get(section, ())))
    return tuple(stage for stage in Stage if stage in found)


@cache
def _readers() -> dict[str, frozenset[Stage]]:
    found: dict[str, set[Stage]] = {}
    for settings in _probes():
        for stage in Stage:
            for target in ("market1501", *VIDEO_ROLES):
                part = stage_settings(stage, settings, target, generative=stage in _GENERATIVE)
                for name in flatten(part):
                    found.setdefault(name, set()).add(stage)
    return {name: frozenset(stages) for name, stages in found.items()}


def _probes() -> Iterator[Settings]:
    """Settings under which each is read: every warm-up's section, all that may stay unsaid."""
    methods = [
        name
        for name, field in type(Settings().warmup).model_fields.items()
        if name != "method" and hasattr(field.annotation, "model_fields")
    ]
    said = dict.fromkeys(unsaid_choices(), "other") | {
        key: _another(setting_types()[key], default) for key, default in unsaid_settings().items()
    }
    for method in ("jvtc", *methods):
        flat = {"warmup.method": method, "evaluate.camera_time": True, **said}
        yield Settings.model_validate(nest(flat))


def _another(annotation: Any, default: Any) -> Any:
    """A value that a switch or one of several words is not by default."""
    words = (True, False) if annotation is bool else get_args(annotation)
    return next(word for word in words if word != default)
