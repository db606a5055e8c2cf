"""Sections of the warm-ups that learn from a memory: SpCL, Cluster Contrast, ECN.

Defaults are those of the public codes; docs/baselines/ says what each rests on.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.model import Model, setting
from gclbench.schema.numbers import Count, NonNegative, Share
from gclbench.schema.shared_warmups import FixedRadius, SteppedAdam


class SpclSettings(FixedRadius, SteppedAdam):
    """`warmup.method=spcl` (Ge et al., NeurIPS 2020; public code)."""

    iterations: PositiveInt = setting(400, "batches of an epoch", unit="steps")
    batch_size: Annotated[int, Field(ge=2)] = setting(
        64, "images of a step, of the target and as many of a source", unit="images"
    )
    images_per_person: PositiveInt = setting(
        4, "images of one label in a row of a batch, fewer where it has one image"
    )
    eps_gap: NonNegative = setting(
        0.02, "by how much the radius is widened and narrowed to see which clusters stay"
    )
    independence_share: Share = setting(
        0.9, "share of the first epoch's clusters whose independence sets what a cluster needs"
    )
    temperature: PositiveFloat = setting(
        0.05, "temperature of an image's cosines with the memory", symbol="τ"
    )
    momentum: Share = setting(0.2, "weight of a memory row's old value", symbol="m")
    source_classes: bool = setting(
        True, "whether a source is trained on too, its classes being rows of the memory"
    )
    update_in_backward: bool = setting(
        False,
        "whether the slope of a source's loss sees what the target's images wrote, as in the code",
        unsaid=True,
    )

    @model_validator(mode="after")
    def _all_radii_are_valid(self) -> SpclSettings:
        if not self.eps_gap < min(self.eps, 1 - self.eps):
            raise ValueError(
                f"eps {self.eps} -+ eps_gap {self.eps_gap} leaves the range of 0 to 1; "
                "make eps_gap smaller"
            )
        return self


class ClusterContrastSettings(FixedRadius, SteppedAdam):
    """`warmup.method=cluster_contrast` (Dai et al., ACCV 2022; public code).

    Batches are made as SpCL's, of clustered images alone.
    """

    iterations: PositiveInt = setting(200, "batches of an epoch", unit="steps")
    batch_size: Annotated[int, Field(ge=2)] = setting(256, "images of a step", unit="images")
    images_per_person: PositiveInt = setting(
        16, "images of one cluster in a row of a batch, as far as it has them"
    )
    temperature: PositiveFloat = setting(
        0.05, "temperature of an image's cosines with the clusters", symbol="τ"
    )
    momentum: Share = setting(0.1, "weight of a cluster row's old value", symbol="m")
    update: Literal["each", "hard", "mean"] = setting(
        "each", "what a cluster's row learns from a batch: each image, the hardest, or their mean"
    )


class EcnSettings(Model):
    """`warmup.method=ecn` (Zhong et al., CVPR 2019; public code), without CamStyle images."""

    epochs: PositiveInt = setting(
        60, "passes over the source where there is one, else over the target", unit="epochs"
    )
    batch_size: Annotated[int, Field(ge=2)] = setting(
        128, "images of a step, of the target and as many of a source", unit="images"
    )
    lr: PositiveFloat = setting(0.01, "rate of SGD for the trunk")
    new_layer_lr_factor: PositiveFloat = setting(
        10.0, "rate of E_id's head and the source's classifier, over the trunk's"
    )
    lr_step_epochs: PositiveInt = setting(
        40, "after each of these spans the rates are a tenth", unit="epochs"
    )
    weight_decay: NonNegative = setting(5e-4, "weight decay of SGD")
    frozen_stages: Annotated[int, Field(ge=0, le=4)] = setting(
        2, "stages of the trunk that stay as they are, the stem with them; 0: none"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = setting(
        0.5, "share of the feature's numbers that are dropped in training"
    )
    temperature: PositiveFloat = setting(
        0.05, "temperature of an image's dot products with the memory", symbol="β"
    )
    neighbours: Count = setting(
        6, "nearest memory rows that count as the same, itself counted; 0: none", symbol="k"
    )
    neighbours_from_epoch: PositiveInt = setting(6, "epoch (from 1) from which neighbours count")
    memory_momentum_step: Share = setting(
        0.01, "weight of a memory row's old value, times the epoch (from 0)", symbol="α"
    )
    target_weight: Share = setting(
        0.3, "weight of the target's loss beside the source's, which has the rest", symbol="λ"
    )
