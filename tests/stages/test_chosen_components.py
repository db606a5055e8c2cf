"""Components with parameters in the stages: of one's own, of every kind that settings name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from gclbench.augmentations.rotation import Rotation
from gclbench.losses.view_invariance import ViewTerms
from gclbench.networks.id_encoder import IdEncoder
from gclbench.pseudolabels.base import Labelling, Unlabelled
from gclbench.registry import REGISTRY, register
from gclbench.samplers.base import Pool
from gclbench.schema import Model, Settings
from gclbench.stages.contrast import terms_type
from gclbench.stages.gan_warmup import GanTraining
from gclbench.stages.joint import JointTraining
from gclbench.stages.pretrain import load_encoder, new_encoder
from gclbench.stages.view_and_mix import build_augmentations
from gclbench.stages.warmup import warmup

Tiny = Callable[..., Settings]
MINE = "mine_for_a_test"


class Size(Model):
    size: int = 2


@dataclass(frozen=True)
class Nothing:
    """No draw."""


@dataclass(frozen=True)
class Brighter:
    """Brighter: adds `size`."""

    parameters: Size = field(default_factory=Size)
    role: ClassVar[str] = "view"
    space: ClassVar[str] = "image"
    control: ClassVar[bool] = False

    def sample(self, batch: int, rng: torch.Generator, height_px: int, width_px: int) -> Nothing:
        return Nothing()

    def apply(self, images: Tensor, params: Nothing) -> Tensor:
        return images + self.parameters.size


@dataclass(frozen=True)
class Turning(Rotation):
    """A rotation with parameters, which stage 2 follows."""

    parameters: Size = field(default_factory=Size)


def constant(terms: ViewTerms, *, parameters: Size) -> Tensor:
    """Constant: a multiple of the views' mean."""
    return parameters.size * terms.view.mean()


def by_number(known: Unlabelled, *, parameters: Size) -> Labelling:
    """By number: samples i with equal i modulo `size`; the first is an outlier."""
    labels = np.arange(len(known.rows)) % parameters.size
    labels[0] = -1
    drawn = float(torch.rand((), generator=known.rng))
    assert known.cams.shape == known.frames.shape == labels.shape
    return Labelling(labels.astype(np.int64), {"epoch_seen": float(known.epoch), "drawn": drawn})


def in_order(pool: Pool, rng: torch.Generator, *, parameters: Size) -> list[Tensor]:
    """In order: the first `size` batches."""
    return list(torch.from_numpy(pool.rows).split(pool.batch_size))[: parameters.size]


class Wider(IdEncoder):
    """An E_id with a factor."""

    def __init__(self, *args: Any, parameters: Size, **values: Any) -> None:
        super().__init__(*args, **values)
        self.size = parameters.size


class Idle:
    """A warm-up that does nothing but remember."""

    epochs = 0
    made: ClassVar[list[int]] = []

    def __init__(self, context: Any, encoder: IdEncoder, *, parameters: Size) -> None:
        self.made.append(parameters.size)


COMPONENTS = {
    "augmentations": Brighter,
    "losses": constant,
    "pseudolabels": by_number,
    "samplers": in_order,
    "networks": Wider,
    "warmups": Idle,
}


@pytest.fixture(autouse=True)
def components() -> Iterator[None]:
    for kind, component in COMPONENTS.items():
        register(kind, MINE, parameters=Size)(component)
    register("augmentations", "turning_for_a_test", parameters=Size)(Turning)
    yield
    for kind in COMPONENTS:
        del REGISTRY._entries[kind][MINE]
    del REGISTRY._entries["augmentations"]["turning_for_a_test"]


def mine(size: int) -> dict[str, Any]:
    return {"name": MINE, "size": size}


def training(bench: Any, tiny: Tiny, **joint: Any) -> JointTraining:
    base = {"augmentations": ["multi"], "losses": ["l_vi"]}
    context = bench.context(
        "joint", tiny(joint={**base, **joint}), parents=bench.parents("warmup")
    )
    return JointTraining(context)


def test_stage_3_makes_its_view_with_the_parameters_that_were_chosen(tiny: Tiny) -> None:
    settings = tiny(joint={"augmentations": [mine(5), "mixup"], "mix_alpha": 0.9})
    view, blend = build_augmentations(settings)
    assert (view.parameters.size, blend.alpha) == (5, 0.9)
    plain = build_augmentations(tiny(joint={"augmentations": [MINE, "mixup"]}))[0]
    assert plain.parameters.size == 2


def test_a_loss_is_weighed_by_its_first_argument_and_gets_its_parameters(
    bench: Any, tiny: Tiny
) -> None:
    assert terms_type(MINE) is ViewTerms
    losses = []
    for size in (2, 6):
        made = training(bench, tiny, losses=["l_vi", mine(size)])
        losses.append(made.step(made.begin_epoch(0)[0])[MINE].item())
    assert losses[1] == pytest.approx(3 * losses[0], rel=1e-5)


def test_labels_and_batches_are_made_by_what_was_chosen(bench: Any, tiny: Tiny) -> None:
    made = training(bench, tiny, **{"pseudo_labels.method": mine(3), "sampler": mine(2)})
    batches = made.begin_epoch(1)
    assert [batch.tolist() for batch in batches] == [[1, 2, 3, 4], [5, 6, 7, 8]]
    labels = made.labels.labels.tolist()
    assert labels[:5] == [-1, 1, 2, 0, 1]
    assert made.quality["epoch_seen"] == 1
    assert made.quality["outliers"] == 1
    assert "eps" not in made.quality
    again = training(bench, tiny, **{"pseudo_labels.method": mine(3)})
    again.begin_epoch(1)
    assert again.quality["drawn"] == made.quality["drawn"]
    again.begin_epoch(2)
    assert again.quality["drawn"] != made.quality["drawn"]


def test_stage_2_turns_as_stage_3_will(bench: Any, tiny: Tiny) -> None:
    view = {"name": "turning_for_a_test", "size": 7}
    settings = tiny(gan={"view": view, "angles": 6})
    made = GanTraining(bench.context("gan", settings, parents=bench.parents("warmup")))
    assert (made.guides.view.parameters.size, made.guides.view.angles) == (7, 6)


def test_e_id_is_what_settings_name(bench: Any, tiny: Tiny) -> None:
    settings = tiny(network={"id_encoder.component": mine(9)})
    context = bench.context("pretrain", settings)
    new = new_encoder(context)
    assert isinstance(new, Wider)
    assert new.size == 9
    plain = new_encoder(bench.context("pretrain", tiny()))
    assert all(torch.equal(new.state_dict()[name], v) for name, v in plain.state_dict().items())
    later = bench.context("joint", settings, parents=bench.parents("warmup"), folder="later")
    assert isinstance(load_encoder(later, "warmup"), Wider)


def test_a_warm_up_gets_its_parameters(bench: Any, tiny: Tiny) -> None:
    Idle.made.clear()
    settings = tiny(warmup={"method": mine(4)})
    warmup(bench.context("warmup", settings, parents=bench.parents("pretrain")))
    assert Idle.made == [4]
