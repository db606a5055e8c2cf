"""Stage 2, and L_gan in stage 3."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveFloat, PositiveInt, model_validator

from gclbench.schema.choice import AugmentationChoice
from gclbench.schema.model import Model, setting
from gclbench.schema.numbers import Count, Decay, NonNegative, Share


class GanCheckpointSettings(Model):
    """Files in the place of stage 2's training, in GCL's layout: both or none."""

    generator: str | None = setting(None, "a gen_*.pt of GCL: G with E_str and the AdaIN MLPs")
    discriminator: str | None = setting(None, "a dis_*.pt of GCL: D")

    @model_validator(mode="after")
    def _both_or_none(self) -> GanCheckpointSettings:
        if (self.generator is None) != (self.discriminator is None):
            raise ValueError("name both a generator and a discriminator, stage 3 needs the two")
        return self


class GanSettings(Model):
    """Stage 2 and the generative losses of stage 3 (weights are shared by both)."""

    epochs: PositiveInt = setting(40, "stage 2: passes over the target", unit="epochs")
    batch_size: PositiveInt = setting(16, "stage 2: samples of a step", unit="samples")
    lr: PositiveFloat = setting(1e-4, "stage 2: rate of Adam for G and for D")
    beta1: Decay = setting(0.0, "Adam's beta1, of G and D in stages 2 and 3")
    beta2: Decay = setting(0.999, "Adam's beta2, of G and D in stages 2 and 3")
    weight_decay: NonNegative = setting(5e-4, "weight decay of G and D in stages 2 and 3")
    lr_decay_epoch: Count = setting(  # D-26
        0, "stage 2: first epoch at the decayed rate; 0: none (code), 10: the paper", unit="epochs"
    )
    lr_decay: Share = setting(0.1, "stage 2: what the rate is multiplied by from then on")
    adversarial: Literal["lsgan", "nsgan"] = setting(  # D-01
        "lsgan", "L_adv: least squares (code), or Eq. 3 and 5 in their usable form"
    )
    r1_weight: NonNegative = setting(  # D-02
        0.01,
        "weight of R1, the gradient penalty on real images, for each scale and kind of fake; with "
        "nsgan it is that of sigmoid(D)",
    )
    lambda_recon: NonNegative = setting(
        5.0, "weight of all reconstructions, of images and of features", symbol="λ_recon"
    )
    lambda_adv: NonNegative = setting(1.0, "weight of G's adversarial losses; the paper has none")
    recon_feature_pair: Literal["paper", "code"] = setting(  # D-03
        "paper", "whose features are first held to f_id(x): those of x'_new (paper) or x'_ori"
    )
    mlp_slicing: Literal["code", "stripe"] = setting(  # D-05
        "code",
        "how f_id feeds the MLPs: chunks of channels, as public checkpoints, or stripes",
    )
    view: AugmentationChoice | None = setting(
        None, "what gives s_new in stage 2; none: stage 3's view, or rotation if that needs no G"
    )
    angles: Literal[7, 6] = setting(  # D-08
        7, "views that rotations draw from: 45 to 315 degrees, or without the last (code)"
    )
    adversarial_mix: bool = setting(  # D-22
        True, "whether stage 2 draws mixed people too, for L_adv_mix of Eq. 6"
    )
    mix_alpha: PositiveFloat = setting(
        0.6, "stage 2: shape of the Beta distribution of D-Mixup's lambda", symbol="α"
    )
    checkpoint: GanCheckpointSettings = GanCheckpointSettings()
