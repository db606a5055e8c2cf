"""Settings of the warm-up ACT."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from gclbench.schema.model import setting
from gclbench.schema.numbers import Count, Share
from gclbench.schema.shared_warmups import FoundRadius, TripletBatches


class ActSettings(FoundRadius, TripletBatches):
    """`warmup.method=act` (Yang et al., AAAI 2020). Defaults: official code, and UDAP's before it.

    UDAP's self-training leads up to co-teaching. An iteration of either begins with new pseudo
    labels.
    """

    iterations: PositiveInt = setting(10, "rounds of co-teaching, each with new labels")
    epochs: PositiveInt = setting(30, "epochs of a round of co-teaching", unit="epochs")
    batch_images: PositiveInt = setting(
        64, "images of a step of co-teaching; a multiple of instances", unit="images"
    )
    lr: PositiveFloat = setting(6e-5, "rate of both networks' Adam in co-teaching")
    keep_base: Share = setting(
        0.2, "share of samples that is kept, left out; it grows by equal steps to 1"
    )
    source_weight: Annotated[float, Field(ge=0, lt=1)] = setting(
        0.1, "weight of the distances from the source in those that are clustered", symbol="λ"
    )
    udap_iterations: Count = setting(30, "rounds of UDAP's self-training; 0: none")
    udap_epochs: PositiveInt = setting(70, "epochs of a round of UDAP", unit="epochs")
    udap_batch_images: PositiveInt = setting(
        128, "images of a step of UDAP; a multiple of instances", unit="images"
    )
    udap_lr: PositiveFloat = setting(6e-5, "rate of UDAP's SGD")
    udap_momentum: Share = setting(0.9, "momentum of UDAP's SGD")
