"""Stage 3: the contrastive module, its memory and its pseudo labels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.choice import (
    AugmentationChoice,
    LossChoice,
    PseudoLabelChoice,
    SamplerChoice,
)
from gclbench.schema.model import Model, setting
from gclbench.schema.numbers import Count, NonNegative, Share


class PseudoLabelSettings(Model):
    """Pseudo identities of the memory bank's rows at the start of every stage-3 epoch.

    The other fields are those of the method `jaccard_dbscan`: Jaccard distance, then DBSCAN.
    """

    method: PseudoLabelChoice = setting(
        PseudoLabelChoice(name="jaccard_dbscan"), "what labels the rows of the memory"
    )
    k1: PositiveInt = setting(  # D-16
        30, "neighbours of Jaccard distance's reciprocal lists, the image itself counted"
    )
    k2: PositiveInt = setting(6, "neighbours that each list is averaged over, itself counted")
    eps_rule: Literal["constant", "rho", "rho_all"] = setting(  # D-15
        "constant",
        "DBSCAN's radius: `eps`, or the mean of the smallest `rho` of the distances above 0 (rho) "
        "or of all (rho_all)",
    )
    eps: Annotated[float, Field(gt=0, lt=1)] = setting(
        0.5, "DBSCAN's radius in Jaccard distance, for eps_rule=constant"
    )
    rho: PositiveFloat = setting(
        0.002, "share of the pairs that are averaged, for eps_rule=rho and rho_all"
    )
    min_samples: PositiveInt = setting(
        4, "images within the radius, itself counted, that make a core of a cluster"
    )


class JointSettings(Model):
    """Stage 3: joint training with L_gan and the contrastive losses."""

    epochs: PositiveInt = setting(20, "passes over the labelled samples", unit="epochs")
    batch_size: Annotated[int, Field(ge=2)] = setting(16, "samples of a step", unit="samples")
    augmentations: tuple[AugmentationChoice, ...] = setting(
        AugmentationChoice.of("rotation", "d_mixup"),
        "one view, which makes x'_new, and at most one mix, which makes f'_mix",
    )
    losses: tuple[LossChoice, ...] = setting(
        LossChoice.of("l_vi", "l_vi_prime", "l_vi_dprime", "l_proto", "l_mix"),
        "the contrastive losses that are summed",
    )
    lr: PositiveFloat = setting(3.5e-4, "rate of SGD for E_id")
    momentum: Share = setting(0.9, "momentum of E_id's SGD; above 0 with Nesterov's step")
    weight_decay: NonNegative = setting(5e-4, "weight decay of E_id's SGD")
    gan_lr: PositiveFloat = setting(1e-4, "rate of Adam for G and D in stage 3")  # D-27
    lr_decay_epoch: PositiveInt = setting(
        10, "first epoch (from 0) at the decayed rates, of E_id and of G and D", unit="epochs"
    )
    lr_decay: Share = setting(0.1, "what E_id's rate is multiplied by from then on")
    gan_lr_decay: Share = setting(  # D-27
        0.1, "what the rate of G and D is multiplied by from then on; 1 keeps it"
    )
    lambda_vi: NonNegative = setting(
        1.0, "weight of L_vi, L'_vi and L''_vi, and of losses that read the same", symbol="λ_vi"
    )
    lambda_mix: NonNegative = setting(1.0, "weight of L_proto and L_mix", symbol="λ_mix")
    temperature: PositiveFloat = setting(
        0.04, "temperature of the cosines in L_vi, L'_vi and L''_vi", symbol="τ"
    )
    negatives: PositiveInt = setting(
        8192, "rows of other clusters that each image is held against, at most", symbol="K"
    )
    memory_momentum: Share = setting(
        0.2, "weight of a memory row's old value when its image is visited", symbol="β"
    )
    mix_alpha: PositiveFloat = setting(
        0.6, "shape of the Beta distribution that lambda is drawn from", symbol="α"
    )
    l_vi_prime_positive: Literal["paper", "code"] = setting(  # D-09
        "paper", "the positive of L'_vi: the current f (paper) or the image's memory row (code)"
    )
    l_mix_form: Literal["paper", "code"] = setting(  # D-19
        "paper", "L_mix: Eq. 14 against the mixed prototype, or soft cross-entropy over all (code)"
    )
    prototype_features: Literal["raw", "unit"] = setting(  # D-18
        "raw", "whether L_proto and L_mix read f as it is or at length 1"
    )
    exclude_self_positive: bool = setting(  # D-10
        False, "whether an image's own row is left out when its positive is drawn"
    )
    f_mixup_layer: Literal["embedding", "identity"] = setting(
        "embedding", "what F-Mixup mixes: f, or f_id, which then goes through the embedding head"
    )
    batch_norm_updates: Literal["all", "real"] = setting(
        "all", "which batches move E_id's running statistics: all, or those of real images"
    )
    pseudo_labels: PseudoLabelSettings = PseudoLabelSettings()
    sampler: SamplerChoice = setting(
        SamplerChoice(name="shuffled"), "how batches are made of the labelled samples"
    )
    evaluate_every: Count = setting(
        1, "mAP of the curve is measured after every so many epochs; 0: never", unit="epochs"
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> JointSettings:
        for field in ("augmentations", "losses"):
            names = [choice.name for choice in getattr(self, field)]
            if len(set(names)) != len(names):
                raise ValueError(f"{field} names one component twice: {', '.join(names)}")
        return self
