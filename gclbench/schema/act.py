"""Settings of the warm-up ACT; `settings.py` holds all others."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.model import Model


class ActSettings(Model):
    """`warmup.method=act` (Yang et al., AAAI 2020). Defaults: official code, and UDAP's before it.

    `iterations` x `epochs` of co-teaching; `udap_iterations` x `udap_epochs` of self-training
    lead up to it (0: none). An iteration begins with new pseudo labels. Batches are
    `batch_images` / `instances` identities. The share of samples kept grows by equal steps from
    `keep_base` (left out) to 1.
    """

    iterations: PositiveInt = 10
    epochs: PositiveInt = 30
    batch_images: PositiveInt = 64
    instances: Annotated[int, Field(ge=2)] = 4
    lr: PositiveFloat = 6e-5
    margin: Annotated[float, Field(ge=0)] = 0.5
    keep_base: Annotated[float, Field(ge=0, le=1)] = 0.2
    source_weight: Annotated[float, Field(ge=0, lt=1)] = 0.1
    k1: PositiveInt = 20
    k2: PositiveInt = 6
    rho: PositiveFloat = 1.6e-3
    min_samples: PositiveInt = 4
    udap_iterations: Annotated[int, Field(ge=0)] = 30
    udap_epochs: PositiveInt = 70
    udap_batch_images: PositiveInt = 128
    udap_lr: PositiveFloat = 6e-5
    udap_momentum: Annotated[float, Field(ge=0, le=1)] = 0.9

    @model_validator(mode="after")
    def _batches_hold_two_people(self) -> ActSettings:
        for field in ("batch_images", "udap_batch_images"):
            if getattr(self, field) < 2 * self.instances or getattr(self, field) % self.instances:
                raise ValueError(
                    f"{field} must be a multiple of instances ({self.instances}), at least twice"
                )
        return self
