"""Sections of the warm-ups that train on clusters of their own features: MMT and SSG.

Defaults are those of the public codes; docs/baselines/ says what each rests on.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from gclbench.schema.model import setting
from gclbench.schema.numbers import NonNegative, Share
from gclbench.schema.shared_warmups import FoundRadius, TripletBatches


class MmtSettings(FoundRadius):
    """`warmup.method=mmt` (Ge et al., ICLR 2020; public code, its DBSCAN script)."""

    epochs: PositiveInt = setting(40, "epochs, each with new clusters", unit="epochs")
    iterations: PositiveInt = setting(400, "batches of an epoch", unit="steps")
    batch_size: Annotated[int, Field(ge=2)] = setting(64, "images of a step", unit="images")
    images_per_person: PositiveInt = setting(
        4, "images of one label in a row of a batch, fewer where it has one image"
    )
    lr: PositiveFloat = setting(3.5e-4, "rate of Adam")
    weight_decay: NonNegative = setting(5e-4, "weight decay of Adam")
    teacher_momentum: Annotated[float, Field(ge=0, lt=1)] = setting(
        0.999, "weight of a teacher's old value, less in the first steps", symbol="α"
    )
    soft_ce_weight: Share = setting(
        0.5, "share of the teacher's answers in cross-entropy; labels have the rest", symbol="λ_id"
    )
    soft_triplet_weight: Share = setting(
        0.8, "share of the teacher's answers in the triplet loss", symbol="λ_tri"
    )
    eps_rule: Literal["rho", "rho_all"] = setting(
        "rho",
        "which pairs the radius averages: those above distance 0 (rho), or all (rho_all)",
        unsaid=True,
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = setting(
        0.1, "share of a label that is spread over all clusters"
    )


class SsgSettings(FoundRadius, TripletBatches):
    """`warmup.method=ssg` (Fu et al., ICCV 2019; public code)."""

    iterations: PositiveInt = setting(30, "rounds, each of which begins with new groupings")
    epochs: PositiveInt = setting(70, "passes over whole bodies' labels in a round", unit="epochs")
    lr: PositiveFloat = setting(6e-5, "rate of SGD")
    momentum: Share = setting(0.9, "momentum of SGD")
    weight_decay: NonNegative = setting(5e-4, "weight decay of SGD")
    eps_rule: Literal["rho", "rho_all"] = setting(
        "rho_all",
        "which pairs the radius averages: those above distance 0 (rho), or all (rho_all)",
    )
