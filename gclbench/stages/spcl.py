"""SpCL as stage 1: a hybrid memory of clusters, single images and source classes, self-paced.

Source    Ge et al., "Self-paced Contrastive Learning with Hybrid Memory for Domain Adaptive Object
          Re-ID", NeurIPS 2020, and its public code.
Differs   see ClusterTraining. The code trains UDA from ImageNet; here E_id comes from the source
          stage. It parts every BatchNorm layer into one for each domain; here both share scale and
          shift, and source batches are normalised by their own statistics and leave the running
          ones to the target. With a source the code's memory is moved by the target's images
          before the slope of the source's loss is taken: `update_in_backward` does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gclbench.kernels.quality import label_quality
from gclbench.losses.cluster_contrast import centre_loss
from gclbench.losses.prototype import prototypes
from gclbench.memory.ordered import OrderedBank
from gclbench.networks.id_encoder import IdEncoder
from gclbench.pseudolabels.self_paced import self_paced_labels
from gclbench.registry import register
from gclbench.stages.cluster_training import ClusterTraining
from gclbench.stages.context import StageContext
from gclbench.stages.gallery_batches import GalleryGroups
from gclbench.stages.loop import descend
from gclbench.stages.supervised import class_indices

Batch = tuple[Tensor, Tensor | None]


@register("warmups", "spcl", revision=1)
class SpclTraining(ClusterTraining):
    """SpCL (NeurIPS'20): contrast against clusters, single images and source classes."""

    takes_tracklets = False

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        self.settings = context.settings.warmup.spcl
        super().__init__(context, encoder, self.settings)
        self.limit: float | None = None
        self.source_labels: Tensor | None = None
        rows = [self.unit_features(self.images)]
        if "source" in context.parents and self.settings.source_classes:
            rows.insert(0, self._source_centres())
        self.classes = 0 if self.source_labels is None else len(rows[0])
        # Rows: the source's classes, then the target's images.
        self.bank = OrderedBank(torch.cat(rows))

    def _source_centres(self) -> Tensor:
        source = self.context.datasets["source"]
        self.source_images = source.images("train")
        labels = class_indices(source)
        self.source_groups = GalleryGroups(labels.numpy(), source.train.cams)
        self.source_labels = labels.to(self.context.device)
        means = prototypes(self.unit_features(self.source_images), self.source_labels)
        return F.normalize(means, dim=1)

    def begin_epoch(self, epoch: int) -> Sequence[Batch]:
        """Cluster the target's memory rows, keep the reliable clusters, draw batches."""
        settings = self.settings
        found = self_paced_labels(
            self.bank.rows[self.classes :].cpu().numpy(),
            k1=settings.k1,
            k2=settings.k2,
            eps=settings.eps,
            eps_gap=settings.eps_gap,
            min_samples=settings.min_samples,
            independence_share=settings.independence_share,
            limit=self.limit,
        )
        self.limit = found.limit
        clustered = np.where(found.labels < found.clusters, found.labels, -1)
        self.quality = {
            **label_quality(self.target.train.pids, clustered),
            "dissolved": float(found.found - found.clusters),
        }
        groups = torch.from_numpy(found.labels).to(self.bank.rows.device) + self.classes
        self.groups = torch.cat([torch.arange(self.classes, device=groups.device), groups])
        self.start(epoch)
        target = self._draw(GalleryGroups(found.labels, self.target.train.cams), "order", epoch)
        if self.source_labels is None:
            return [(batch, None) for batch in target]
        return list(
            zip(target, self._draw(self.source_groups, "source order", epoch), strict=True)
        )

    def _draw(self, groups: GalleryGroups, stream: str, epoch: int) -> list[Tensor]:
        settings = self.settings
        return groups.batches(
            settings.iterations,
            settings.batch_size,
            settings.images_per_person,
            self.context.torch_generator(stream, epoch),
        )

    def step(self, batch: Batch) -> dict[str, Tensor | float]:
        rows, source_rows = batch
        centres = prototypes(self.bank.rows, self.groups)
        losses: dict[str, Tensor] = {}
        source = None
        if source_rows is not None and self.source_labels is not None:
            with self.encoder.fixed_statistics():
                features = self.embed(self.source_images, source_rows)
            source = features, self.source_labels[source_rows].to(features.device)
        features = self.embed(self.images, rows)
        indices = (rows + self.classes).to(features.device)
        losses["target"] = self._loss(features, indices, centres)
        self._remember(features, indices)
        if source is not None:
            late = self.settings.update_in_backward
            slopes = prototypes(self.bank.rows, self.groups) if late else None
            losses = {"source": self._loss(*source, centres, slopes), **losses}
        total = torch.stack(list(losses.values())).sum()
        descend(self.optimizer, total)
        if source is not None:
            self._remember(*source)
        return {"loss": total, **losses}

    def _remember(self, features: Tensor, indices: Tensor) -> None:
        unit = F.normalize(features.detach(), dim=1)
        self.bank.update(indices, unit, self.settings.momentum)

    def _loss(
        self, features: Tensor, indices: Tensor, centres: Tensor, slopes: Tensor | None = None
    ) -> Tensor:
        """The loss of images with memory rows `indices`; its slope by `slopes` if they are given.

        The value is that of `centres` whatever the slope.
        """
        return centre_loss(
            features, centres, self.groups[indices], self.settings.temperature, slopes=slopes
        )

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return self.quality

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "bank": self.bank.state_dict(), "limit": self.limit}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.bank.load_state_dict(state["bank"])
        self.limit = state["limit"]
