"""MMCL as stage 1: every image a class of its own, then multi-labels from a memory of all images.

Source     Wang and Zhang, "Unsupervised Person Re-identification via Multi-label Classification",
           CVPR 2020, and its official code (docs/specs/mmcl.md).
Differs    The trained feature is E_id's f of length 1: a linear layer stands before the BatchNorm,
           so that the memory is N x embedding_dim; at test the same f is used, not the pooled
           vector. There are no CamStyle images: every image is its own original. Images are
           augmented at the size of the network's input. A last batch of one image joins the one
           before it. The last epoch counts, not the best on the test set.
UDA        The official code is fully unsupervised only. Here a source-trained E_id is what the
           training starts from; source images and labels are not used beside the target.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gclbench.augmentations.crop_rotate_jitter import CropRotateJitter
from gclbench.augmentations.multi import Multi, MultiParameters
from gclbench.evaluation.preprocess import to_network
from gclbench.losses.multi_label import multi_label_loss
from gclbench.memory.mmcl import MmclMemory
from gclbench.networks.id_encoder import IdEncoder
from gclbench.pseudolabels.mplp import positive_labels
from gclbench.registry import register
from gclbench.stages.context import StageContext
from gclbench.stages.loop import shuffled_batches
from gclbench.stages.supervised import set_lr, sgd_with_new_layers

REPORT_FILE = "mmcl.json"
CROP = CropRotateJitter()
# Flipping before or after turning gives the same pictures: both directions are as likely.
FLIP_ERASE = Multi(MultiParameters(pad_px=0, max_area=0.2, max_aspect=3.0))


def mmcl_views(images: Tensor, generator: torch.Generator) -> Tensor:
    """Crop, turn, jitter, flip and erase a batch (B, 3, H, W)."""
    height_px, width_px = images.shape[-2:]
    crop = CROP.sample(len(images), generator, height_px, width_px)
    images = CROP.apply(images, crop)
    return FLIP_ERASE.apply(images, FLIP_ERASE.sample(len(images), generator, height_px, width_px))


@register("warmups", "mmcl", revision=1)
class MmclTraining:
    """MMCL (CVPR'20): multi-label classification against a memory of all images."""

    takes_tracklets = False

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        self.context, self.encoder = context, encoder
        self.settings = context.settings.warmup.mmcl
        self.epochs = self.settings.epochs
        target = context.datasets["target"]
        self.images = target.images("train")
        self.memory = MmclMemory(len(self.images), encoder.embedding_dim, context.device)
        self.optimizer = sgd_with_new_layers(
            encoder,
            [],
            self.settings.lr,
            self.settings.new_layer_lr_factor,
            self.settings.weight_decay,
        )
        self._report()

    def _report(self) -> None:
        """Leave on disk what the method went without; say so where a source was expected."""
        source = "source" in self.context.parents
        if source:
            self.context.notice("MMCL starts from the source-trained E_id, without a source loss.")
        described = {
            "camstyle": False,
            "source_loss": False,
            "starts_from": "source" if source else "pretrain",
        }
        text = json.dumps(described, indent=1)
        (self.context.folder / REPORT_FILE).write_text(text, encoding="utf-8")

    def begin_epoch(self, epoch: int) -> Sequence[Tensor]:
        """Set the rate, then draw batches; MMCL numbers epochs from 0."""
        self.epoch = epoch
        self.encoder.train()
        set_lr(self.optimizer, 0.1 ** (epoch // self.settings.lr_step_epochs))
        self.generator = self.context.torch_generator("augment", epoch)
        return self._batches(self.context.torch_generator("order", epoch))

    def _batches(self, generator: torch.Generator) -> list[Tensor]:
        rows = torch.arange(len(self.images))
        batches = shuffled_batches(rows, self.settings.batch_size, generator, drop_last=False)
        if len(batches) > 1 and len(batches[-1]) == 1:
            # BatchNorm cannot train on one image.
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches

    def step(self, batch: Tensor) -> dict[str, Tensor | float]:
        images = to_network(self.images[batch.numpy()], self.context.device)
        features = F.normalize(self.encoder(mmcl_views(images, self.generator)).embedding)
        rows = batch.to(features.device)
        positives = self._positives(rows)
        loss = multi_label_loss(
            features @ self.memory.rows.T,
            positives,
            delta=self.settings.delta,
            hard_share=self.settings.hard_share,
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        # Only now: scores, labels and gradients are those of the memory before this step.
        self.memory.update(
            rows,
            features,
            epoch=self.epoch,
            momentum=self.settings.memory_momentum,
            ramp_epochs=self.settings.memory_ramp_epochs,
        )
        self.optimizer.step()
        return {"loss": loss, "positives": positives.sum(dim=1).float().mean()}

    def _positives(self, rows: Tensor) -> Tensor:
        """Labels of a batch, bool (B, N): themselves at first, MPLP's afterwards."""
        if self.epoch >= self.settings.single_label_epochs:
            return positive_labels(
                self.memory.rows,
                rows,
                threshold=self.settings.threshold,
                least_rank=self.settings.least_rank,
            )
        return F.one_hot(rows, len(self.memory)).bool()

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "memory": self.memory.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.memory.load_state_dict(state["memory"])
