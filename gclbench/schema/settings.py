"""Every setting of a run, by the stage that reads it. Defaults are the paper's (section 4.2).

Ids D-01 ... D-32 name the places where the paper and the official code disagree;
docs/deviations.md lists them. A profile (`smoke`, `laptop`, `paper`) changes sizes, a recipe or a
study row the method.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.choice import (
    AugmentationChoice,
    LossChoice,
    NetworkChoice,
    PseudoLabelChoice,
    SamplerChoice,
)
from gclbench.schema.evaluation import EvaluateSettings as EvaluateSettings
from gclbench.schema.model import Model
from gclbench.schema.numbers import Count, NonNegative, Share
from gclbench.schema.warmups import WarmupSettings as WarmupSettings

# Datasets whose samples are tracklets.
VIDEO_ROLES = ("mars", "dukemtmc_videoreid")


class WorldSettings(Model):
    """Sizes of the built-in rendered world (per twin)."""

    seed: Count = 0
    people_train: Annotated[int, Field(ge=4)] = 100
    people_test: Annotated[int, Field(ge=4)] = 75
    images_per_person: Annotated[int, Field(ge=4)] = 10
    distractor_people: Count = 12


class MeshSettings(Model):
    """Where the meshes that guide generation come from, and who draws their projections.

    `root` is the file or folder of `params` and `archive`, `weights` the network of `hmr`;
    `body_model` is the SMPL file that `params` and `hmr` pose in the stand-in's place.
    """

    source: Literal["oracle", "params", "archive", "hmr"] = "oracle"
    noise_deg: NonNegative = 4.0
    root: str | None = None
    weights: str | None = None
    body_model: str | None = None
    renderer: Literal["auto", "pyrender", "raster"] = "auto"


class VideoSettings(Model):
    """Tracklets of MARS and DukeMTMC-VideoReID: the frames that are kept, and those of a step.

    Of each training tracklet evenly spaced frames are kept, because every one costs 8 projections
    (all of MARS: 4 million); of test tracklets all, as the paper pools. 0 keeps all. The official
    gallery of MARS holds the query tracklets too.
    """

    train_frames_kept: Count = 16
    test_frames_kept: Count = 0
    mars_frames: PositiveInt = 2
    dukemtmc_videoreid_frames: PositiveInt = 8
    mars_gallery: Literal["official", "without_queries"] = "official"

    def step_frames(self, role: str) -> int:
        """Return how many frames of a sample a step of stage 3 sees; 1 for image datasets."""
        return int(getattr(self, f"{role}_frames")) if role in VIDEO_ROLES else 1


class DataSettings(Model):
    """`root` unset answers a role with its synthetic twin; set, with the real dataset under it.

    `validation_share` of the training identities are held out: not trained on, but queried and
    ranked by `evaluate.split=validation` and by the per-epoch curve of stage 3.
    """

    root: str | None = None
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    height_px: PositiveInt = 256
    width_px: PositiveInt = 128
    world: WorldSettings = WorldSettings()
    mesh: MeshSettings = MeshSettings()
    video: VideoSettings = VideoSettings()


class IdEncoderSettings(Model):
    """E_id: a ResNet with last stride 1, a part head and an embedding head.

    `component`, here and below: the network that is built of these sizes.
    """

    component: NetworkChoice = NetworkChoice(name="id_encoder")
    depth: Literal["resnet18", "resnet50"] = "resnet50"
    width: PositiveInt = 64
    embedding_dim: PositiveInt = 512
    parts: PositiveInt = 4


class GeneratorSettings(Model):
    """E_str, the AdaIN MLPs and the decoder G (widths of the paper's size; D-07 [code])."""

    component: NetworkChoice = NetworkChoice(name="generator")
    structure: NetworkChoice = NetworkChoice(name="str_encoder")
    structure_width: PositiveInt = 16
    structure_blocks: PositiveInt = 4
    structure_dilations: tuple[PositiveInt, PositiveInt, PositiveInt] = (3, 6, 9)
    decoder_width: PositiveInt = 128
    decoder_blocks: PositiveInt = 4
    mlp_width: PositiveInt = 512
    padding: Literal["reflect", "zeros"] = "reflect"


class DiscriminatorSettings(Model):
    """D: one PatchGAN per scale, each at half the size of the one before."""

    component: NetworkChoice = NetworkChoice(name="discriminator")
    scales: PositiveInt = 3
    width: PositiveInt = 32
    blocks: PositiveInt = 4


class NetworkSettings(Model):
    id_encoder: IdEncoderSettings = IdEncoderSettings()
    generator: GeneratorSettings = GeneratorSettings()
    discriminator: DiscriminatorSettings = DiscriminatorSettings()


class PretrainSettings(Model):
    """What E_id knows before it sees the training set.

    `rendered`: identities of a rendered set disjoint from all twins, in ImageNet's place;
    `imagenet`: a ResNet-50 file in torchvision's layout (`weights`); `random`: nothing.
    """

    kind: Literal["rendered", "imagenet", "random"] = "rendered"
    weights: str | None = None
    people: PositiveInt = 240
    images_per_person: PositiveInt = 6
    epochs: PositiveInt = 6
    batch_size: PositiveInt = 32
    lr: PositiveFloat = 0.05
    weight_decay: NonNegative = 5e-4


class SourceSettings(Model):
    """Supervised training on a labelled set: UDA's source, the world check's upper bound."""

    epochs: PositiveInt = 30
    batch_size: PositiveInt = 32
    lr: PositiveFloat = 0.01
    new_layer_lr_factor: PositiveFloat = 10.0
    weight_decay: NonNegative = 5e-4


class GanCheckpointSettings(Model):
    """Files in the place of stage 2's training, in GCL's layout: `gen_*.pt` and `dis_*.pt`."""

    generator: str | None = None
    discriminator: str | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> GanCheckpointSettings:
        if (self.generator is None) != (self.discriminator is None):
            raise ValueError("name both a generator and a discriminator, stage 3 needs the two")
        return self


class GanSettings(Model):
    """Stage 2 and the generative losses of stage 3 (weights are shared by both)."""

    epochs: PositiveInt = 40
    batch_size: PositiveInt = 16
    lr: PositiveFloat = 1e-4
    beta1: Share = 0.0
    beta2: Share = 0.999
    weight_decay: NonNegative = 5e-4
    lr_decay_epoch: Count = 0  # D-26: 0 keeps the rate (code), 10 is the paper's text
    lr_decay: Share = 0.1
    adversarial: Literal["lsgan", "nsgan"] = "lsgan"  # D-01
    r1_weight: NonNegative = 0.01  # D-02
    lambda_recon: NonNegative = 5.0
    lambda_adv: NonNegative = 1.0
    recon_feature_pair: Literal["paper", "code"] = "paper"  # D-03: x'_new or x'_ori
    mlp_slicing: Literal["code", "stripe"] = "code"  # D-05
    # What gives s_new; None: as in stage 3, there without G: rotation.
    view: AugmentationChoice | None = None
    angles: Literal[7, 6] = 7  # D-08
    adversarial_mix: bool = True  # Eq. 6 has L_adv_mix in stage 2 too (D-22)
    mix_alpha: PositiveFloat = 0.6
    checkpoint: GanCheckpointSettings = GanCheckpointSettings()


class PseudoLabelSettings(Model):
    """Pseudo identities of the memory bank's rows at the start of every stage-3 epoch.

    The other fields are those of the method `jaccard_dbscan`: Jaccard distance, then DBSCAN.
    """

    method: PseudoLabelChoice = PseudoLabelChoice(name="jaccard_dbscan")
    k1: PositiveInt = 30  # D-16
    k2: PositiveInt = 6
    eps_rule: Literal["constant", "rho"] = "constant"  # D-15
    eps: Annotated[float, Field(gt=0, lt=1)] = 0.5
    rho: PositiveFloat = 0.002
    min_samples: PositiveInt = 4


class JointSettings(Model):
    """Stage 3: joint training with L_gan and the contrastive losses."""

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 16
    augmentations: tuple[AugmentationChoice, ...] = AugmentationChoice.of("rotation", "d_mixup")
    losses: tuple[LossChoice, ...] = LossChoice.of(
        "l_vi", "l_vi_prime", "l_vi_dprime", "l_proto", "l_mix"
    )
    lr: PositiveFloat = 3.5e-4
    momentum: Share = 0.9
    weight_decay: NonNegative = 5e-4
    gan_lr: PositiveFloat = 1e-4  # D-27
    lr_decay_epoch: PositiveInt = 10
    lr_decay: Share = 0.1
    gan_lr_decay: Share = 0.1  # of G and D, at the same epoch; 1 keeps their rate (D-27)
    lambda_vi: NonNegative = 1.0
    lambda_mix: NonNegative = 1.0
    temperature: PositiveFloat = 0.04
    negatives: PositiveInt = 8192
    memory_momentum: Share = 0.2
    mix_alpha: PositiveFloat = 0.6
    l_vi_prime_positive: Literal["paper", "code"] = "paper"  # D-09: current f or stored row
    l_mix_form: Literal["paper", "code"] = "paper"  # D-19: Eq. 14 or soft cross-entropy
    prototype_features: Literal["raw", "unit"] = "raw"  # D-18
    exclude_self_positive: bool = False  # D-10
    f_mixup_layer: Literal["embedding", "identity"] = "embedding"
    batch_norm_updates: Literal["all", "real"] = "all"
    pseudo_labels: PseudoLabelSettings = PseudoLabelSettings()
    sampler: SamplerChoice = SamplerChoice(name="shuffled")
    evaluate_every: Count = 1

    @model_validator(mode="after")
    def _names_are_unique(self) -> JointSettings:
        for field in ("augmentations", "losses"):
            names = [choice.name for choice in getattr(self, field)]
            if len(set(names)) != len(names):
                raise ValueError(f"{field} names one component twice: {', '.join(names)}")
        return self


class Settings(Model):
    """A fully resolved configuration: everything any stage may read, and nothing else."""

    data: DataSettings = DataSettings()
    network: NetworkSettings = NetworkSettings()
    pretrain: PretrainSettings = PretrainSettings()
    source: SourceSettings = SourceSettings()
    warmup: WarmupSettings = WarmupSettings()
    gan: GanSettings = GanSettings()
    joint: JointSettings = JointSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
