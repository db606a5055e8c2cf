"""Training with identity labels: what comes before stage 1, and UDA's source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from gclbench.schema.model import Model, setting
from gclbench.schema.numbers import NonNegative


class PretrainSettings(Model):
    """What E_id knows before it sees the training set."""

    kind: Literal["rendered", "imagenet", "random"] = setting(
        "rendered", "rendered people of no twin, in ImageNet's place; a file (weights); or nothing"
    )
    weights: str | None = setting(None, "imagenet: a ResNet-50 file in torchvision's layout")
    people: PositiveInt = setting(240, "rendered: identities of its training set", unit="people")
    images_per_person: PositiveInt = setting(6, "rendered: images of an identity")
    epochs: PositiveInt = setting(6, "rendered: passes over them", unit="epochs")
    batch_size: Annotated[int, Field(ge=2)] = setting(
        32, "rendered: images of a step", unit="images"
    )
    lr: PositiveFloat = setting(0.05, "rendered: rate of SGD at the start; it falls as a cosine")
    weight_decay: NonNegative = setting(5e-4, "rendered: weight decay of SGD")


class SourceSettings(Model):
    """Supervised training on a labelled set: UDA's source, the world check's upper bound."""

    epochs: PositiveInt = setting(30, "passes over the labelled set", unit="epochs")
    batch_size: Annotated[int, Field(ge=2)] = setting(32, "samples of a step", unit="samples")
    lr: PositiveFloat = setting(0.01, "rate of SGD for the trunk at the start; falls as a cosine")
    new_layer_lr_factor: PositiveFloat = setting(
        10.0, "rate of E_id's head and the classifier, over the trunk's"
    )
    weight_decay: NonNegative = setting(5e-4, "weight decay of SGD")
