"""Settings of stage 1: JVTC's plain fields, and a section for every other method."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gclbench.schema.act import ActSettings
from gclbench.schema.choice import WarmupChoice
from gclbench.schema.memory_warmups import ClusterContrastSettings, EcnSettings, SpclSettings
from gclbench.schema.model import Model
from gclbench.schema.numbers import Count, NonNegative, Share
from gclbench.schema.self_training_warmups import MmtSettings, SsgSettings


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

    @property
    def steps(self) -> int:
        """Merges and the training before each of them."""
        return int(1 / self.merge_fraction) - 1


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

    Every sample attracts `positives` near neighbours and repels the `negatives` next ones (at most
    as many as there are); in the first `init_epochs` it knows itself only. lambda_t: weight of the
    own row, alpha scales the others'. lambda_p: weight of the stripes' loss, lambda_g: of the
    global distance in the search. lambda_c: what a neighbour of the same camera is put back by.
    `frames` of a tracklet are seen at a visit.
    """

    # Where the target has images they are not read, and enter no key.
    tracklets_only: ClassVar[frozenset[str]] = frozenset({"frames"})

    epochs: PositiveInt = 50
    batch_size: Annotated[int, Field(ge=2)] = 8
    frames: PositiveInt = 4
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

    method: WarmupChoice = WarmupChoice(name="jvtc")
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
