"""JVTC as stage 1: local one-hot loss in the batch, global loss against a clustered memory.

Source     Li and Zhang, "Joint Visual and Temporal Consistency", ECCV 2020, and its official code.
Differs    CamStyle images are not used: the K views of an image are K augmented copies of it. An
           epoch is one pass over the source (UDA) or the target (unsupervised). The histogram has
           as many bins as the frames need (the published 3,000 are too few for Market-1501). The
           code's variant for MSMT17 clusters every time slot for itself and normalises the bank;
           here all are clustered together, with p = 0 between slots (`ImageTable.clock_frames`).
           A tracklet has one memory row and one label; each visit sees one frame of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gclbench.augmentations.multi import Multi, MultiParameters
from gclbench.evaluation.preprocess import to_network
from gclbench.losses.jvtc import global_loss, local_loss
from gclbench.memory.bank import JvtcBank
from gclbench.networks.id_encoder import IdEncoder
from gclbench.pseudolabels.jvtc import Mode, RefreshSettings, refresh_labels, refresh_mode
from gclbench.registry import register
from gclbench.stages.context import StageContext
from gclbench.stages.frames import rows_of
from gclbench.stages.loop import descend
from gclbench.stages.source_branch import Batch, SourceBranch, batches_beside
from gclbench.stages.supervised import identity_loss, set_lr, sgd_with_new_layers

# JVTC flips and erases, it neither pads nor crops.
JVTC_AUGMENTATION = Multi(MultiParameters(pad_px=0, max_area=0.2))


def jvtc_views(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip and erase a batch (B, 3, H, W)."""
    height_px, width_px = images.shape[-2:]
    chance = JVTC_AUGMENTATION.sample(len(images), generator, height_px, width_px)
    return JVTC_AUGMENTATION.apply(images, chance)


@register("warmups", "jvtc", revision=1)
class JvtcTraining:
    """JVTC (ECCV'20): local and global one-hot losses, labels from memory and camera/time."""

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        self.context, self.encoder = context, encoder
        self.settings = context.settings.warmup
        self.epochs = self.settings.epochs
        self.target = context.datasets["target"]
        table = self.target.train
        self.cams, self.frames = table.cams, table.frames
        self.clock_frames = table.clock_frames
        self.images = self.target.images("train")
        self.bank = JvtcBank(
            len(table),
            encoder.embedding_dim,
            context.torch_generator("bank"),
            context.device,
        )
        self.labels = torch.arange(len(table), device=context.device)
        self.source = self._source_branch()
        extra: list[nn.Parameter] = (
            [] if self.source is None else list(self.source.classifier.parameters())
        )
        self.optimizer = sgd_with_new_layers(
            encoder,
            extra,
            self.settings.lr,
            self.settings.new_layer_lr_factor,
            self.settings.weight_decay,
        )

    def _source_branch(self) -> SourceBranch | None:
        if "source" not in self.context.parents or not self.settings.source_loss:
            return None
        rows = self.settings.batch_images * self.settings.copies
        return SourceBranch(self.context, self.encoder.embedding_dim, rows)

    def begin_epoch(self, epoch: int) -> Sequence[Batch]:
        """Refresh the labels when due (JVTC numbers epochs from 1), then draw batches."""
        number = epoch + 1
        self.global_weight = 0.0
        if number >= self.settings.global_from_epoch:
            self.global_weight = self.settings.global_weight
        self.number = number
        mode = refresh_mode(
            number,
            global_from_epoch=self.settings.global_from_epoch,
            joint_from_epoch=self.settings.joint_from_epoch,
            refresh_every_epochs=self.settings.refresh_every_epochs,
        )
        if mode is not None:
            self._refresh(number, mode)
        self.encoder.train()
        set_lr(self.optimizer, 0.1 ** (number // self.settings.lr_step_epochs))
        self.generator = self.context.torch_generator("augment", epoch)
        self.frame_draws = self.context.torch_generator("frames", epoch)
        return batches_beside(
            self.context, epoch, len(self.labels), self.settings.batch_images, self.source
        )

    def _refresh(self, number: int, mode: Mode) -> None:
        settings = self.settings
        result = refresh_labels(
            self.bank.rows.cpu().numpy(),
            self.cams,
            self.frames,
            mode,
            RefreshSettings(
                k1=settings.k1,
                k2=settings.k2,
                rho=settings.rho,
                eps_factor=(
                    settings.eps_factor
                    if "source" not in self.context.parents
                    else settings.eps_factor_with_source
                ),
                frame_bin=settings.frame_bin,
                smoothing_bins=settings.smoothing_bins,
            ),
            self.clock_frames,
        )
        self.labels = torch.from_numpy(result.labels).to(self.context.device)
        self.context.log("clusters", float(result.clusters), number)
        self.context.log("eps", float(result.eps), number)

    def step(self, batch: Batch) -> dict[str, Tensor | float]:
        indices, source_indices = batch
        copies = self.settings.copies
        rows = rows_of(self.target, indices, 1, self.frame_draws)
        images = to_network(self.images[rows.numpy()]).to(self.context.device)
        views = jvtc_views(images.repeat_interleave(copies, dim=0), self.generator)
        features = self.encoder(views).embedding
        losses = self._losses(features, indices)
        if self.source is not None and source_indices is not None:
            images = jvtc_views(
                self.source.views(source_indices, self.frame_draws), self.generator
            )
            labels = self.source.labels[source_indices]
            losses["source"] = identity_loss(self.encoder, self.source.classifier, images, labels)
        total = torch.stack(list(losses.values())).sum()
        descend(self.optimizer, total)
        means = features.detach().unflatten(0, (-1, copies)).mean(1)
        self.bank.update(
            indices.to(means.device),
            F.normalize(means),
            epoch=self.number,
            momentum_step=self.settings.memory_momentum_step,
            momentum_max=self.settings.memory_momentum_max,
        )
        return {"loss": total, **losses}

    def _losses(self, features: Tensor, indices: Tensor) -> dict[str, Tensor]:
        settings = self.settings
        losses = {"local": local_loss(features, settings.copies, settings.local_temperature)}
        if self.global_weight > 0:
            losses["global"] = self.global_weight * global_loss(
                features,
                settings.copies,
                self.bank.rows,
                self.labels,
                indices.to(features.device),
                settings.global_temperature,
            )
        return losses

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        state = {
            "encoder": self.encoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "bank": self.bank.state_dict(),
            "labels": self.labels,
        }
        if self.source is not None:
            state["classifier"] = self.source.classifier.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.bank.load_state_dict(state["bank"])
        self.labels = state["labels"].to(self.context.device)
        if self.source is not None:
            self.source.classifier.load_state_dict(state["classifier"])
