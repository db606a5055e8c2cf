"""Every setting of a run, by the stage that reads it. Defaults are the paper's (section 4.2).

Ids D-01 ... D-32 name the places where the paper and the official code disagree;
docs/deviations.md lists them. A profile (`smoke`, `laptop`, `paper`) changes sizes, a recipe or a
study row the method.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.act import ActSettings
from gclbench.schema.model import Model

NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

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
    """E_id: a ResNet with last stride 1, a part head and an embedding head."""

    depth: Literal["resnet18", "resnet50"] = "resnet50"
    width: PositiveInt = 64
    embedding_dim: PositiveInt = 512
    parts: PositiveInt = 4


class GeneratorSettings(Model):
    """E_str, the AdaIN MLPs and the decoder G (widths of the paper's size; D-07 [code])."""

    structure_width: PositiveInt = 16
    structure_blocks: PositiveInt = 4
    structure_dilations: tuple[PositiveInt, PositiveInt, PositiveInt] = (3, 6, 9)
    decoder_width: PositiveInt = 128
    decoder_blocks: PositiveInt = 4
    mlp_width: PositiveInt = 512
    padding: Literal["reflect", "zeros"] = "reflect"


class DiscriminatorSettings(Model):
    """D: one PatchGAN per scale, each at half the size of the one before."""

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


class CheckpointSettings(Model):
    """`warmup.method=checkpoint`: a file takes the place of training; see docs/checkpoints.md.

    `head`: "file" takes the file's embedding head, "fresh" draws a new one, "auto" is "file" but
    for ACT, whose head does not fit what it is applied to. `refit`: which running statistics are
    taken anew from one pass over the training set; "auto": what the file's layout asks for.
    """

    path: str | None = None
    head: Literal["auto", "file", "fresh"] = "auto"
    refit: Literal["auto", "none", "head", "all"] = "auto"


class BucSettings(Model):
    """`warmup.method=buc` (Lin et al., AAAI 2019). Defaults are the official code's.

    A step trains on fixed clusters and ends with a round of merges, `merge_fraction` of the number
    of samples; the first step has one cluster per sample. `frames` of a tracklet are seen at a
    visit, and conv1 ... layer2 stay as they were (`freeze`). `result`: the step whose weights
    leave stage 1: the one with the largest silhouette of its own clusters, the last one, or step
    0, 1, ... `evaluate_steps` also lists the retrieval quality of each step; it chooses nothing.
    """

    merge_fraction: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    size_penalty: NonNegative = 0.003
    first_epochs: PositiveInt = 20
    later_epochs_tracklets: PositiveInt = 5
    later_epochs_images: PositiveInt = 2
    batch_size: Annotated[int, Field(ge=2)] = 16
    frames: PositiveInt = 16
    lr: PositiveFloat = 0.1
    lr_drop_epoch: PositiveInt = 16
    later_lr: PositiveFloat = 0.01
    trunk_lr_factor: PositiveFloat = 0.1
    weight_decay: NonNegative = 5e-4
    temperature: PositiveFloat = 0.1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    freeze: Literal["tracklets", "never"] = "tracklets"
    result: Literal["silhouette", "last"] | Count = "silhouette"
    evaluate_steps: bool = False


class MmclSettings(Model):
    """`warmup.method=mmcl` (Wang and Zhang, CVPR 2020; official code); see docs/baselines/mmcl.md.

    `lr` is the trunk's. Labels are one-hot for `single_label_epochs`, then MPLP's. The weight of a
    memory row's old value grows from 0 to `memory_momentum` within `memory_ramp_epochs`.
    """

    epochs: PositiveInt = 60
    batch_size: Annotated[int, Field(ge=2)] = 128
    lr: PositiveFloat = 0.01
    new_layer_lr_factor: PositiveFloat = 10.0
    lr_step_epochs: PositiveInt = 40
    weight_decay: NonNegative = 5e-4
    single_label_epochs: Count = 6
    threshold: float = 0.6  # cosine; 1 and above leave every image alone
    least_rank: Count = 10
    delta: NonNegative = 5.0
    hard_share: Annotated[float, Field(gt=0, le=1)] = 0.01
    memory_momentum: Share = 0.5
    memory_ramp_epochs: PositiveInt = 60


class SclSettings(Model):
    """`warmup.method=scl` (Pang et al., arXiv 2010.07608). Defaults: the code's `test.yml`.

    Every image attracts `positives` near neighbours and repels the `negatives` next ones (at most
    as many as there are); in the first `init_epochs` it knows itself only. lambda_t: weight of the
    own row, alpha scales the others'. lambda_p: weight of the stripes' loss, lambda_g: of the
    global distance in the search. lambda_c: what a neighbour of the same camera is put back by.
    """

    epochs: PositiveInt = 50
    batch_size: Annotated[int, Field(ge=2)] = 8
    lr: PositiveFloat = 1e-3
    new_layer_lr_factor: PositiveFloat = 1.0
    lr_step_epochs: PositiveInt = 200
    weight_decay: NonNegative = 5e-4
    positives: PositiveInt = 7
    negatives: PositiveInt = 500
    init_epochs: Count = 3
    lambda_t: Share = 0.5
    lambda_p: Share = 0.5
    lambda_g: Share = 0.5
    lambda_c: NonNegative = 0.05
    alpha: NonNegative = 1.75
    temperature: PositiveFloat = 0.1
    update_in_backward: bool = False


class WarmupSettings(Model):
    """Stage 1. Defaults are JVTC's (Li and Zhang, ECCV 2020; official code).

    A field that is a section belongs to the method of its name, which reads nothing else.
    """

    method: str = "jvtc"
    epochs: PositiveInt = 45
    batch_images: PositiveInt = 32
    copies: Annotated[int, Field(ge=2)] = 4
    lr: PositiveFloat = 0.01
    new_layer_lr_factor: PositiveFloat = 10.0
    lr_step_epochs: PositiveInt = 40
    weight_decay: NonNegative = 5e-4
    global_from_epoch: PositiveInt = 10
    joint_from_epoch: PositiveInt = 30
    refresh_every_epochs: PositiveInt = 5
    k1: PositiveInt = 20
    k2: PositiveInt = 6
    rho: PositiveFloat = 1.6e-3
    eps_factor: PositiveFloat = 0.75
    eps_factor_with_source: PositiveFloat = 1.0
    local_temperature: PositiveFloat = 0.1
    global_temperature: PositiveFloat = 0.05
    global_weight: NonNegative = 0.2
    source_loss: bool = True
    memory_momentum_step: Share = 0.01
    memory_momentum_max: Share = 0.8
    frame_bin: PositiveInt = 100
    smoothing_bins: PositiveFloat = 50.0
    checkpoint: CheckpointSettings = CheckpointSettings()
    buc: BucSettings = BucSettings()
    mmcl: MmclSettings = MmclSettings()
    scl: SclSettings = SclSettings()
    act: ActSettings = ActSettings()

    @model_validator(mode="after")
    def _file_is_asked_for(self) -> WarmupSettings:
        if self.checkpoint.path is not None and self.method != "checkpoint":
            raise ValueError("a file is read by warmup.method=checkpoint only; set that too")
        return self


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
    view: str | None = None  # what gives s_new; None: as in stage 3, there without G: rotation
    angles: Literal[7, 6] = 7  # D-08
    adversarial_mix: bool = True  # Eq. 6 has L_adv_mix in stage 2 too (D-22)
    mix_alpha: PositiveFloat = 0.6
    checkpoint: GanCheckpointSettings = GanCheckpointSettings()


class PseudoLabelSettings(Model):
    """Jaccard + DBSCAN on the memory bank at the start of every stage-3 epoch."""

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
    augmentations: tuple[str, ...] = ("rotation", "d_mixup")
    losses: tuple[str, ...] = ("l_vi", "l_vi_prime", "l_vi_dprime", "l_proto", "l_mix")
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
    evaluate_every: Count = 1

    @model_validator(mode="after")
    def _names_are_unique(self) -> JointSettings:
        for field in ("augmentations", "losses"):
            names = getattr(self, field)
            if len(set(names)) != len(names):
                raise ValueError(f"{field} names one component twice: {', '.join(names)}")
        return self


class EvaluateSettings(Model):
    """Market-1501 single-query protocol; see docs/specs/evaluation.md, section 1."""

    split: Literal["test", "validation"] = "test"
    average_precision: Literal["step", "trapezoid"] = "step"
    batch_size: PositiveInt = 64


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
