"""Settings that several warm-ups have in common, each declared once."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.model import Model, setting
from gclbench.schema.numbers import NonNegative


class SteppedAdam(Model):
    """Epochs with new clusters, trained by Adam whose rate falls in steps."""

    epochs: PositiveInt = setting(50, "epochs, each with new clusters", unit="epochs")
    lr: PositiveFloat = setting(3.5e-4, "rate of Adam")
    lr_step_epochs: PositiveInt = setting(
        20, "after each of these spans the rate is a tenth", unit="epochs"
    )
    weight_decay: NonNegative = setting(5e-4, "weight decay of Adam")


class FixedRadius(Model):
    """Clusters by DBSCAN of a radius that is given."""

    k1: PositiveInt = setting(
        30, "neighbours of Jaccard distance's reciprocal lists, the image itself counted"
    )
    k2: PositiveInt = setting(6, "neighbours that each list is averaged over, itself counted")
    eps: Annotated[float, Field(gt=0, lt=1)] = setting(0.6, "DBSCAN's radius in Jaccard distance")
    min_samples: PositiveInt = setting(
        4, "images within the radius, itself counted, that make a core of a cluster"
    )


class FoundRadius(Model):
    """Clusters by DBSCAN of a radius that the first distances set."""

    k1: PositiveInt = setting(20, "neighbours of Jaccard distance's reciprocal lists")
    k2: PositiveInt = setting(6, "neighbours that each list is averaged over")
    rho: PositiveFloat = setting(
        1.6e-3, "share of the smallest distances whose mean is DBSCAN's radius, which then stays"
    )
    min_samples: PositiveInt = setting(
        4, "images within the radius, itself counted, that make a core of a cluster"
    )


class TripletBatches(Model):
    """Batches of several images of each label, for triplets."""

    batch_images: PositiveInt = setting(
        128, "images of a step; a multiple of instances", unit="images"
    )
    instances: Annotated[int, Field(ge=2)] = setting(4, "images of one label in a batch")
    margin: NonNegative = setting(0.5, "margin of the triplet losses")

    @model_validator(mode="after")
    def _batches_hold_two_people(self) -> TripletBatches:
        for field in (name for name in type(self).model_fields if name.endswith("batch_images")):
            if getattr(self, field) < 2 * self.instances or getattr(self, field) % self.instances:
                raise ValueError(
                    f"{field} must be a multiple of instances ({self.instances}), at least twice"
                )
        return self
