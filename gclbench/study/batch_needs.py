"""Batches that can never be made: more samples than there are, or more clusters than samples.

What a stage clusters is known only when it runs, and is told there (`stages.idle`). Here is what
the data's size rules out before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gclbench.errors import DataMissingError, UsageError
from gclbench.plan import Node
from gclbench.schema import Settings, Stage
from gclbench.schema.choice import SamplerChoice
from gclbench.schema.settings import DataSettings
from gclbench.schema.study import STAGE_TITLES
from gclbench.study.catalog import parameters


@dataclass(frozen=True)
class _Wanted:
    """What a batch of a stage wants: samples, or clusters where it draws several images of each.

    `setting` names the size of the batch, which is `size`.
    """

    setting: str
    size: int
    clusters: int | None = None


def batch_checks(runs: Sequence[tuple[Node, Settings]]) -> Iterator[Callable[[], object]]:
    """Give a check for every batch size of some stage runs; each raises UsageError."""
    seen: list[Any] = []
    for node, settings in runs:
        for wanted in _wanted(node.stage, settings):
            question = (node.stage, wanted, *_data(node, settings))
            if question not in seen:
                seen.append(question)
                yield partial(_enough, *question)


def _wanted(stage: Stage, settings: Settings) -> Iterator[_Wanted]:
    if stage is Stage.PRETRAIN and settings.pretrain.kind == "rendered":
        yield _Wanted("pretrain.batch_size", settings.pretrain.batch_size)
    elif stage is Stage.SOURCE:
        yield _Wanted("source.batch_size", settings.source.batch_size)
    elif stage is Stage.WARMUP:
        yield from _of_warmup(settings)
    elif stage is Stage.GAN and settings.gan.checkpoint.generator is None:
        yield _Wanted("gan.batch_size", settings.gan.batch_size)
    elif stage is Stage.JOINT:
        size, sampler = settings.joint.batch_size, settings.joint.sampler
        if sampler.name == "shuffled":
            yield _Wanted("joint.batch_size", size)
        elif sampler.name == "identities":
            yield _Wanted("joint.batch_size", size, size // _images(sampler))


def _of_warmup(settings: Settings) -> Iterator[_Wanted]:
    """Methods that drop a short last batch; the others take what there is."""
    warmup = settings.warmup
    if warmup.method.name == "buc":
        yield _Wanted("warmup.buc.batch_size", warmup.buc.batch_size)
    elif warmup.method.name == "ssg":
        size = warmup.ssg.batch_images
        yield _Wanted("warmup.ssg.batch_images", size, size // warmup.ssg.instances)
    elif warmup.method.name == "act":
        act = warmup.act
        sizes = {"batch_images": act.batch_images}
        if act.udap_iterations:
            sizes["udap_batch_images"] = act.udap_batch_images
        for name, size in sizes.items():
            yield _Wanted(f"warmup.act.{name}", size, size // act.instances)


def _images(sampler: SamplerChoice) -> int:
    model = parameters("samplers", sampler.name)
    given = model.model_validate(dict(sampler.parameters)) if model is not None else None
    return int(getattr(given, "images", 1))


def _data(node: Node, settings: Settings) -> tuple[str, DataSettings | int]:
    """Which training set a stage draws its batches from: its role and data, or its size."""
    if node.stage is Stage.PRETRAIN:
        return "pretrain", settings.pretrain.people * settings.pretrain.images_per_person
    return node.data()["source" if node.stage is Stage.SOURCE else "target"]


def _enough(stage: Stage, wanted: _Wanted, role: str, data: DataSettings | int) -> None:
    count = data if isinstance(data, int) else _samples(role, data)
    name = f"{wanted.setting}={wanted.size}"
    if wanted.clusters == 0:
        raise UsageError(
            f"{name} is less than the images of one cluster that joint.sampler draws.",
            "Raise it, or lower the sampler's parameter images.",
        )
    if count is None or (wanted.clusters or wanted.size) <= count:
        return
    asked = (
        name if wanted.clusters is None else f"{name} asks for {wanted.clusters} clusters, which"
    )
    raise UsageError(
        f"{asked} is more than the {count} training samples of {role}: "
        f"{STAGE_TITLES[stage]} would take no step.",
        f"Lower {wanted.setting}.",
    )


def _samples(role: str, data: DataSettings) -> int | None:
    """How many there are; None where that is another check's fault to tell."""
    from gclbench.datasets.amounts import count_samples

    try:
        return count_samples(role, data)
    except (DataMissingError, UsageError):
        return None
