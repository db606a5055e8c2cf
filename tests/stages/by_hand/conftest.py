"""Stages 2 and 3 in float64, each with its plain twin, from the same parents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from plain_gan import PlainGanWarmup, awake
from plain_joint import VIEWS, PlainJoint

from gclbench.evaluation.preprocess import structure_to_network, to_network
from gclbench.memory.bank import MemoryBank
from gclbench.stages import gan_warmup, generative, joint

SMALL = {"height_px": 32, "width_px": 16}


@pytest.fixture(autouse=True)
def float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages 2 and 3 read their pictures in float64, as the plain ones do."""
    for module in (joint, gan_warmup):
        monkeypatch.setattr(module, "to_network", lambda images, *_: to_network(images).double())
    monkeypatch.setattr(
        generative,
        "structure_to_network",
        lambda shown, *_: structure_to_network(shown).double(),
    )


@pytest.fixture
def gan_pair(bench: Any, video: Any, tiny: Any, quarter: Any) -> Callable[..., Any]:
    """Stage 2 in float64 and its plain twin, from the same parents."""

    def make(*, tracklets: bool = False, **gan: Any) -> tuple[Any, PlainGanWarmup]:
        place = video if tracklets else bench
        place.dataset = quarter(place.dataset)
        settings = tiny(gan=gan, data=SMALL)
        context = place.context("gan", settings, parents=place.parents("warmup"))
        training = gan_warmup.GanTraining(context)
        training.encoder.double()
        training.module.double()
        plain = PlainGanWarmup(context, place.dataset)
        awake(training.module.discriminator, plain.gan.discriminator)
        return training, plain

    return make


@pytest.fixture
def joint_pair(bench: Any, video: Any, tiny: Any, quarter: Any) -> Callable[..., Any]:
    """Stage 3 in float64 and its plain twin, from the same parents and the same memory."""

    def make(
        *names: str, tracklets: bool = False, sections: dict[str, Any] | None = None, **values: Any
    ) -> tuple[Any, PlainJoint]:
        place = video if tracklets else bench
        losses = [*sorted(VIEWS), "l_proto", "l_mix"][: 3 + len(names)]
        values = {"augmentations": names, "losses": losses, **values}
        parents = place.parents("warmup", "gan")
        place.dataset = quarter(place.dataset)
        given = {"joint": values, "gan": {}, "data": {}} | dict(sections or {})
        settings = tiny(**{**given, "data": {**SMALL, **given["data"]}})
        training = joint.JointTraining(place.context("joint", settings, parents=parents))
        training.encoder.double()
        rows = torch.nn.functional.normalize(training.memory.rows.double())
        training.memory = MemoryBank(rows)
        plain = PlainJoint(training.context, place.dataset, rows)
        if training.generative is not None:
            training.generative.double()
            awake(training.generative.discriminator, plain.gan.discriminator)
        return training, plain

    return make
