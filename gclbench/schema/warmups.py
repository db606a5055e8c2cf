"""Settings of stage 1: JVTC's plain fields, and a section for every other method."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.act import ActSettings
from gclbench.schema.choice import WarmupChoice
from gclbench.schema.memory_warmups import ClusterContrastSettings, EcnSettings, SpclSettings
from gclbench.schema.model import Model, setting
from gclbench.schema.numbers import Count, NonNegative, Share
from gclbench.schema.self_training_warmups import MmtSettings, SsgSettings


class CheckpointSettings(Model):
    """`warmup.method=checkpoint`: a file takes the place of training; see docs/checkpoints.md."""

    path: str | None = setting(None, "the file of weights")
    head: Literal["auto", "file", "fresh"] = setting(
        "auto", "whose embedding head: the file's, or one drawn anew; auto: the file's but ACT's"
    )
    refit: Literal["auto", "none", "head", "all"] = setting(
        "auto", "running statistics taken anew from the training set; auto: what the layout wants"
    )


class BucSettings(Model):
    """`warmup.method=buc` (Lin et al., AAAI 2019). Defaults are the official code's.

    A step trains on fixed clusters and ends with a round of merges; the first step has one cluster
    per sample.
    """

    # What is read of the data says it: the fingerprint stands for it in the key.
    told_by_data: ClassVar[frozenset[str]] = frozenset({"frames_kept"})

    merge_fraction: Annotated[float, Field(gt=0, le=0.5)] = setting(
        0.05, "merges of a round, as a share of the samples; sets the number of steps too"
    )
    size_penalty: NonNegative = setting(
        0.003, "what a sample of either cluster adds to their distance", symbol="λ"
    )
    first_epochs: PositiveInt = setting(20, "epochs of the first step", unit="epochs")
    later_epochs_tracklets: PositiveInt = setting(
        5, "epochs of each later step, on tracklets", unit="epochs"
    )
    later_epochs_images: PositiveInt = setting(
        2, "epochs of each later step, on images", unit="epochs"
    )
    batch_size: Annotated[int, Field(ge=2)] = setting(16, "samples of a step", unit="samples")
    frames: PositiveInt = setting(16, "frames of a tracklet that a visit sees", unit="frames")
    frames_kept: Count = setting(
        0,
        "frames kept of a training tracklet, to draw from and to cluster by, in the place of "
        "data.video.train_frames_kept; 0: all",
        unit="frames",
    )
    lr: PositiveFloat = setting(0.1, "rate of SGD for E_id's head in the first step")
    lr_drop_epoch: PositiveInt = setting(
        16, "epoch of the first step (from 0) from which its rates are a tenth", unit="epochs"
    )
    later_lr: PositiveFloat = setting(0.01, "rate for E_id's head in all later steps")
    trunk_lr_factor: PositiveFloat = setting(0.1, "rate of the trunk, over the head's")
    weight_decay: NonNegative = setting(5e-4, "weight decay of SGD")
    temperature: PositiveFloat = setting(
        0.1, "temperature of a sample's cosines with the clusters", symbol="τ"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = setting(
        0.5, "share of the normalised feature's numbers that are dropped in training"
    )
    freeze: Literal["tracklets", "never"] = setting(
        "tracklets", "whether conv1 to layer2 stay as they were on tracklets, or never"
    )
    result: Literal["silhouette", "last"] | Count = setting(
        "silhouette", "the step that leaves: of the largest silhouette, the last, or 0, 1, ..."
    )
    evaluate_steps: bool = setting(
        False, "whether mAP and R1 of each step are listed too; they choose nothing"
    )

    @property
    def steps(self) -> int:
        """Merges and the training before each of them."""
        return int(1 / self.merge_fraction) - 1


class MmclSettings(Model):
    """`warmup.method=mmcl` (Wang and Zhang, CVPR 2020); see docs/baselines/mmcl.md."""

    epochs: PositiveInt = setting(60, "passes over the target", unit="epochs")
    batch_size: Annotated[int, Field(ge=2)] = setting(128, "images of a step", unit="images")
    lr: PositiveFloat = setting(0.01, "rate of SGD for the trunk")
    new_layer_lr_factor: PositiveFloat = setting(10.0, "rate of E_id's head, over the trunk's")
    lr_step_epochs: PositiveInt = setting(
        40, "after each of these spans the rates are a tenth", unit="epochs"
    )
    weight_decay: NonNegative = setting(5e-4, "weight decay of SGD")
    single_label_epochs: Count = setting(
        6, "epochs at the start in which an image has no positive but itself", unit="epochs"
    )
    threshold: float = setting(
        0.6, "cosine above which images may be positives; 1 and more: none", symbol="t"
    )
    least_rank: Count = setting(
        10, "rank (from 0) within which a positive's own list must hold the image, or further"
    )
    delta: NonNegative = setting(5.0, "weight of the positives' part of the loss", symbol="δ")
    hard_share: Annotated[float, Field(gt=0, le=1)] = setting(
        0.01, "share of the negatives, the most similar ones, that are pushed away", symbol="r"
    )
    memory_momentum: Share = setting(
        0.5, "weight of a memory row's old value, once it has grown from 0"
    )
    memory_ramp_epochs: PositiveInt = setting(
        60, "epochs within which that weight grows", unit="epochs"
    )


class SclSettings(Model):
    """`warmup.method=scl` (Pang et al., arXiv 2010.07608). Defaults: the code's `test.yml`."""

    # Where the target has images they are not read, and enter no key.
    tracklets_only: ClassVar[frozenset[str]] = frozenset({"frames"})

    epochs: PositiveInt = setting(50, "passes over the target", unit="epochs")
    batch_size: Annotated[int, Field(ge=2)] = setting(8, "samples of a step", unit="samples")
    frames: PositiveInt = setting(4, "frames of a tracklet that a visit sees", unit="frames")
    lr: PositiveFloat = setting(1e-3, "rate of SGD for the trunk")
    new_layer_lr_factor: PositiveFloat = setting(
        1.0, "rate of E_id's and the stripes' heads, over the trunk's"
    )
    lr_step_epochs: PositiveInt = setting(
        200, "after each of these spans (epochs from 1) the rates are a tenth", unit="epochs"
    )
    weight_decay: NonNegative = setting(5e-4, "weight decay of SGD")
    positives: PositiveInt = setting(7, "near neighbours that a sample attracts", symbol="P")
    negatives: PositiveInt = setting(
        500, "next neighbours that it repels, at most as many as there are", symbol="K"
    )
    init_epochs: Count = setting(
        3, "epochs at the start in which a sample attracts itself alone", unit="epochs"
    )
    lambda_t: Share = setting(0.5, "weight of the sample's own memory row", symbol="λ_t")
    lambda_p: Share = setting(
        0.5, "weight of the stripes' loss; the global one has the rest", symbol="λ_p"
    )
    lambda_g: Share = setting(
        0.5, "weight of the global distance in the search; stripes have the rest", symbol="λ_g"
    )
    lambda_c: NonNegative = setting(
        0.05, "what a sample of the same camera is put back by in the search", symbol="λ_c"
    )
    alpha: NonNegative = setting(1.75, "scale of the other positives' weights", symbol="α")
    temperature: PositiveFloat = setting(0.1, "temperature of dot products with the memory")
    update_in_backward: bool = setting(
        False, "whether a positive's slope sees what those before it wrote, as in the code"
    )


class WarmupSettings(Model):
    """Stage 1. Defaults are JVTC's (Li and Zhang, ECCV 2020; official code).

    A field that is a section belongs to the method of its name, which reads nothing else.
    """

    method: WarmupChoice = setting(WarmupChoice(name="jvtc"), "what trains E_id in stage 1")
    epochs: PositiveInt = setting(
        45, "passes over the source where there is one, else over the target", unit="epochs"
    )
    batch_images: PositiveInt = setting(32, "samples of a step", unit="samples")
    copies: Annotated[int, Field(ge=2)] = setting(
        4,
        "augmented copies of each, in CamStyle's place; a source has as many images",
        symbol="K",
    )
    lr: PositiveFloat = setting(0.01, "rate of SGD for the trunk")
    new_layer_lr_factor: PositiveFloat = setting(
        10.0, "rate of E_id's head and the source's classifier, over the trunk's"
    )
    lr_step_epochs: PositiveInt = setting(
        40, "after each of these spans (epochs from 1) the rates are a tenth", unit="epochs"
    )
    weight_decay: NonNegative = setting(5e-4, "weight decay of SGD")
    global_from_epoch: PositiveInt = setting(
        10, "epoch (from 1) of the first labels, and of the global loss from then on"
    )
    joint_from_epoch: PositiveInt = setting(
        30, "epoch (from 1) from which labels rest on cameras and times too"
    )
    refresh_every_epochs: PositiveInt = setting(5, "epochs between new labels", unit="epochs")
    k1: PositiveInt = setting(20, "neighbours of re-ranking's reciprocal lists")
    k2: PositiveInt = setting(6, "neighbours that re-ranking averages each list over")
    rho: PositiveFloat = setting(
        1.6e-3, "share of the smallest distances whose mean sets the clusters' radius"
    )
    eps_factor: PositiveFloat = setting(0.75, "what that radius is multiplied by without a source")
    eps_factor_with_source: PositiveFloat = setting(1.0, "the same, with a source")
    local_temperature: PositiveFloat = setting(0.1, "temperature of the local loss")
    global_temperature: PositiveFloat = setting(0.05, "temperature of the global loss")
    global_weight: NonNegative = setting(0.2, "weight of the global loss")
    source_loss: bool = setting(
        True, "whether a source goes on being learnt, by cross-entropy, beside the target"
    )
    memory_momentum_step: Share = setting(
        0.01, "by how much the weight of a memory row's old value grows with each epoch"
    )
    memory_momentum_max: Share = setting(0.8, "where that growth ends")
    frame_bin: PositiveInt = setting(
        100, "frames in a bin of the histograms of travel times", unit="frames"
    )
    smoothing_bins: PositiveFloat = setting(
        50.0, "sd of the Gaussian that smooths those histograms", unit="bins"
    )
    checkpoint: CheckpointSettings = CheckpointSettings()
    buc: BucSettings = BucSettings()
    mmcl: MmclSettings = MmclSettings()
    scl: SclSettings = SclSettings()

    act: ActSettings = ActSettings()
    mmt: MmtSettings = MmtSettings()
    ssg: SsgSettings = SsgSettings()
    spcl: SpclSettings = SpclSettings()
    cluster_contrast: ClusterContrastSettings = ClusterContrastSettings()
    ecn: EcnSettings = EcnSettings()

    @model_validator(mode="after")
    def _file_is_asked_for(self) -> WarmupSettings:
        if self.checkpoint.path is not None and self.method.name != "checkpoint":
            raise ValueError("a file is read by warmup.method=checkpoint only; set that too")
        return self
