"""Settings of the warm-up ACT."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.model import Model, setting
from gclbench.schema.numbers import Count, NonNegative, Share


class ActSettings(Model):
    """`warmup.method=act` (Yang et al., AAAI 2020). Defaults: official code, and UDAP's before it.

    UDAP's self-training leads up to co-teaching. An iteration of either begins with new pseudo
    labels.
    """

    iterations: PositiveInt = setting(10, "rounds of co-teaching, each with new labels")
    epochs: PositiveInt = setting(30, "epochs of a round of co-teaching", unit="epochs")
    batch_images: PositiveInt = setting(
        64, "images of a step of co-teaching; a multiple of instances", unit="images"
    )
    instances: Annotated[int, Field(ge=2)] = setting(4, "images of one label in a batch")
    lr: PositiveFloat = setting(6e-5, "rate of both networks' Adam in co-teaching")
    margin: NonNegative = setting(0.5, "margin of the triplet losses")
    keep_base: Share = setting(
        0.2, "share of samples that is kept, left out; it grows by equal steps to 1"
    )
    source_weight: Annotated[float, Field(ge=0, lt=1)] = setting(
        0.1, "weight of the distances from the source in those that are clustered", symbol="λ"
    )
    k1: PositiveInt = setting(20, "neighbours of Jaccard distance's reciprocal lists")
    k2: PositiveInt = setting(6, "neighbours that each list is averaged over")
    rho: PositiveFloat = setting(
        1.6e-3, "share of the smallest distances whose mean is DBSCAN's radius, set once a phase"
    )
    min_samples: PositiveInt = setting(
        4, "images within the radius, itself counted, that make a core of a cluster"
    )
    udap_iterations: Count = setting(30, "rounds of UDAP's self-training; 0: none")
    udap_epochs: PositiveInt = setting(70, "epochs of a round of UDAP", unit="epochs")
    udap_batch_images: PositiveInt = setting(
        128, "images of a step of UDAP; a multiple of instances", unit="images"
    )
    udap_lr: PositiveFloat = setting(6e-5, "rate of UDAP's SGD")
    udap_momentum: Share = setting(0.9, "momentum of UDAP's SGD")

    @model_validator(mode="after")
    def _batches_hold_two_people(self) -> ActSettings:
        for field in ("batch_images", "udap_batch_images"):
            if getattr(self, field) < 2 * self.instances or getattr(self, field) % self.instances:
                raise ValueError(
                    f"{field} must be a multiple of instances ({self.instances}), at least twice"
                )
        return self
