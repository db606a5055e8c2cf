"""Sections of the warm-ups that train on clusters of their own features: MMT and SSG.

Defaults are those of the public codes; docs/baselines/ says what each rests on.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.model import Model
from gclbench.schema.numbers import NonNegative, Share


class MmtSettings(Model):
    """`warmup.method=mmt` (Ge et al., ICLR 2020; public code, its DBSCAN script).

    An epoch has `iterations` batches of `batch_size`, filled by `images_per_person` images of one
    label (fewer where it has one image). `soft_ce_weight` and `soft_triplet_weight`: share of the
    teacher's answers in either loss, the pseudo labels have the rest. `teacher_momentum`: weight
    of a teacher's old value, less in the first steps. rho sets the radius of DBSCAN, once.
    """

    epochs: PositiveInt = 40
    iterations: PositiveInt = 400
    batch_size: Annotated[int, Field(ge=2)] = 64
    images_per_person: PositiveInt = 4
    lr: PositiveFloat = 3.5e-4
    weight_decay: NonNegative = 5e-4
    teacher_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.999
    soft_ce_weight: Share = 0.5
    soft_triplet_weight: Share = 0.8
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    k1: PositiveInt = 20
    k2: PositiveInt = 6
    rho: PositiveFloat = 1.6e-3
    min_samples: PositiveInt = 4


class SsgSettings(Model):
    """`warmup.method=ssg` (Fu et al., ICCV 2019; public code).

    `iterations` x `epochs`: an iteration begins with new groupings, an epoch is one pass over the
    labels of whole bodies in batches of `batch_images` / `instances` people. rho sets the radius
    of DBSCAN, once for each grouping.
    """

    iterations: PositiveInt = 30
    epochs: PositiveInt = 70
    batch_images: PositiveInt = 128
    instances: Annotated[int, Field(ge=2)] = 4
    lr: PositiveFloat = 6e-5
    momentum: Share = 0.9
    weight_decay: NonNegative = 5e-4
    margin: NonNegative = 0.5
    k1: PositiveInt = 20
    k2: PositiveInt = 6
    rho: PositiveFloat = 1.6e-3
    min_samples: PositiveInt = 4

    @model_validator(mode="after")
    def _batches_hold_two_people(self) -> SsgSettings:
        if self.batch_images < 2 * self.instances or self.batch_images % self.instances:
            raise ValueError(
                f"batch_images must be a multiple of instances ({self.instances}), at least twice"
            )
        return self
