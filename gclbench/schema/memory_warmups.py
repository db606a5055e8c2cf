"""Sections of the warm-ups that learn from a memory: SpCL, Cluster Contrast, ECN.

Defaults are those of the public codes; docs/baselines/ says what each rests on.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.model import Model
from gclbench.schema.numbers import Count, NonNegative, Share


class SpclSettings(Model):
    """`warmup.method=spcl` (Ge et al., NeurIPS 2020; public code).

    An epoch has `iterations` batches of `batch_size`, filled by `images_per_person` images of one
    label (fewer where it has one image). A cluster is kept where clustering at eps + eps_gap
    hardly grows it; the share `independence_share` of the first epoch's clusters sets what hardly
    is. `momentum`: weight of a memory row's old value. `source_classes`: with a source, train on
    its images too, and keep its classes in the memory.
    """

    epochs: PositiveInt = 50
    iterations: PositiveInt = 400
    batch_size: Annotated[int, Field(ge=2)] = 64
    images_per_person: PositiveInt = 4
    lr: PositiveFloat = 3.5e-4
    lr_step_epochs: PositiveInt = 20
    weight_decay: NonNegative = 5e-4
    k1: PositiveInt = 30
    k2: PositiveInt = 6
    eps: Annotated[float, Field(gt=0, lt=1)] = 0.6
    eps_gap: NonNegative = 0.02
    min_samples: PositiveInt = 4
    independence_share: Share = 0.9
    temperature: PositiveFloat = 0.05
    momentum: Share = 0.2
    source_classes: bool = True

    @model_validator(mode="after")
    def _all_radii_are_valid(self) -> SpclSettings:
        if not self.eps_gap < min(self.eps, 1 - self.eps):
            raise ValueError(
                f"eps {self.eps} -+ eps_gap {self.eps_gap} leaves the range of 0 to 1; "
                "make eps_gap smaller"
            )
        return self


class ClusterContrastSettings(Model):
    """`warmup.method=cluster_contrast` (Dai et al., ACCV 2022; public code).

    Batches are made as SpCL's, of clustered images alone. `update`: what a cluster's row learns
    from a batch: "each" of its images in turn, the "hard"est one, or their "mean".
    """

    epochs: PositiveInt = 50
    iterations: PositiveInt = 200
    batch_size: Annotated[int, Field(ge=2)] = 256
    images_per_person: PositiveInt = 16
    lr: PositiveFloat = 3.5e-4
    lr_step_epochs: PositiveInt = 20
    weight_decay: NonNegative = 5e-4
    k1: PositiveInt = 30
    k2: PositiveInt = 6
    eps: Annotated[float, Field(gt=0, lt=1)] = 0.6
    min_samples: PositiveInt = 4
    temperature: PositiveFloat = 0.05
    momentum: Share = 0.1
    update: Literal["each", "hard", "mean"] = "each"


class EcnSettings(Model):
    """`warmup.method=ecn` (Zhong et al., CVPR 2019; public code), without CamStyle images.

    `lr` is the trunk's, whose first `frozen_stages` stages (with the stem) stay as they are.
    Neighbours count from epoch `neighbours_from_epoch` on (epochs count from 1); 0 `neighbours`:
    never. The old row of the memory weighs `memory_momentum_step` more with each epoch, nothing in
    the first one. `target_weight`: of the target's loss beside the source's (1 - target_weight).
    """

    epochs: PositiveInt = 60
    batch_size: Annotated[int, Field(ge=2)] = 128
    lr: PositiveFloat = 0.01
    new_layer_lr_factor: PositiveFloat = 10.0
    lr_step_epochs: PositiveInt = 40
    weight_decay: NonNegative = 5e-4
    frozen_stages: Annotated[int, Field(ge=0, le=4)] = 2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    temperature: PositiveFloat = 0.05
    neighbours: Count = 6
    neighbours_from_epoch: PositiveInt = 6
    memory_momentum_step: Share = 0.01
    target_weight: Share = 0.3
