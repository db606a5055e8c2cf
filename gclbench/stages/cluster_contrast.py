"""Cluster Contrast as stage 1: one memory row per cluster, moved by the batch's images.

Source    Dai et al., "Cluster Contrast for Unsupervised Person Re-Identification", ACCV 2022, and
          its public code with DBSCAN (not InfoMap).
Differs   see ClusterTraining. The paper's UDA, like this one, fine-tunes a source-trained network
          on the target alone: no source image is seen here.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from gclbench.kernels.quality import label_quality
from gclbench.losses.cluster_contrast import centre_loss
from gclbench.losses.prototype import prototypes
from gclbench.memory.ordered import OrderedBank, hardest, means
from gclbench.networks.id_encoder import IdEncoder
from gclbench.pseudolabels.jaccard_dbscan import pseudo_labels
from gclbench.registry import register
from gclbench.stages.cluster_training import ClusterTraining
from gclbench.stages.context import StageContext
from gclbench.stages.gallery_batches import GalleryGroups
from gclbench.stages.idle import unclustered
from gclbench.stages.loop import descend


@register("warmups", "cluster_contrast", revision=1)
class ClusterContrastTraining(ClusterTraining):
    """Cluster Contrast (ACCV'22): contrast against a memory of clusters."""

    takes_tracklets = False
    bank: OrderedBank

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        self.settings = context.settings.warmup.cluster_contrast
        super().__init__(context, encoder, self.settings)

    def begin_epoch(self, epoch: int) -> Sequence[Tensor]:
        """Cluster fresh features, start the memory at the clusters' means, draw batches."""
        settings = self.settings
        unit = self.unit_features(self.images)
        found = pseudo_labels(
            unit.cpu().numpy(),
            k1=settings.k1,
            k2=settings.k2,
            eps=settings.eps,
            min_samples=settings.min_samples,
        )
        self.quality = label_quality(self.target.train.pids, found.labels)
        self.labels = torch.from_numpy(found.labels).to(unit.device)
        self.start(epoch)
        if not found.clusters:
            return []
        self.bank = OrderedBank(F.normalize(prototypes(unit, self.labels), dim=1))
        return GalleryGroups(found.labels, self.target.train.cams).batches(
            settings.iterations,
            settings.batch_size,
            settings.images_per_person,
            self.context.torch_generator("order", epoch),
        )

    def why_idle(self) -> str:
        return unclustered(self.labels, "one cluster")

    def step(self, batch: Tensor) -> dict[str, Tensor | float]:
        features = self.embed(self.images, batch)
        clusters = self.labels[batch.to(features.device)]
        loss = centre_loss(features, self.bank.rows, clusters, self.settings.temperature)
        descend(self.optimizer, loss)
        self._remember(clusters, F.normalize(features.detach(), dim=1))
        return {"loss": loss}

    def _remember(self, clusters: Tensor, unit: Tensor) -> None:
        if self.settings.update == "hard":
            clusters, unit = hardest(clusters, unit, self.bank.rows)
        elif self.settings.update == "mean":
            clusters, unit = means(clusters, unit)
        self.bank.update(clusters, unit, self.settings.momentum)

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return self.quality
