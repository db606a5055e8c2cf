"""BUC as stage 1: bottom-up clustering, for images and for tracklets.

Source     Lin et al., "A Bottom-Up Clustering Approach to Unsupervised Person Re-identification",
           AAAI 2019, and its official code (specs: buc.md).
Steps      The first one has a cluster per sample. A step trains against a look-up table that
           starts empty, with a fresh optimiser; then the nearest clusters merge (by e, the
           normalised global average of all frames) and the next step begins. All chance of an
           epoch comes from streams of its own.
Differs    E_id is trained as it is: last stride 1, its own head in the place of a new 2048-d one.
           Where early layers are frozen, so are the statistics of all their norms (the code misses
           those of shortcuts). The clusters of a last merge, which nothing is trained on, are not
           made. The code has no stopping rule: which step leaves is a setting, by default the one
           whose own clusters have the largest silhouette, which needs no label. The list of
           samples is shuffled once, so that the order of identities cannot leak.
Evaluation of what leaves is that of every E_id: its embedding, which stages 2 and 3 go on from,
           not the pooled e that the code ranks by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gclbench.errors import UsageError
from gclbench.evaluation.features import extract_pooled
from gclbench.evaluation.preprocess import to_network
from gclbench.evaluation.protocol import evaluate
from gclbench.kernels.merging import merge_clusters
from gclbench.kernels.quality import nmi
from gclbench.kernels.silhouette import silhouette
from gclbench.losses.buc import repelled_loss
from gclbench.memory.bank import LookUpTable
from gclbench.networks.id_encoder import IdEncoder
from gclbench.registry import register
from gclbench.schema.fit import check_buc_result
from gclbench.schema.settings import EvaluateSettings
from gclbench.schema.warmups import BucSettings
from gclbench.stages.buc_views import CropAndFlip
from gclbench.stages.context import StageContext
from gclbench.stages.frames import frames_of, rows_of
from gclbench.stages.idle import too_few
from gclbench.stages.loop import descend, shuffled_batches
from gclbench.stages.supervised import set_lr, sgd_with_new_layers

EARLY_LAYERS = ("conv1", "bn1", "layer1", "layer2")
# As in stage 3: what clusters and curves are made from does not follow `evaluate.*`.
PROTOCOL = EvaluateSettings()


@dataclass(frozen=True)
class BucSchedule:
    """Which step (from 0) an epoch of the whole training belongs to."""

    steps: int
    first: int
    later: int

    @classmethod
    def of(cls, settings: BucSettings, tracklets: bool) -> BucSchedule:
        later = settings.later_epochs_tracklets if tracklets else settings.later_epochs_images
        return cls(settings.steps, settings.first_epochs, later)

    @property
    def epochs(self) -> int:
        return self.first + (self.steps - 1) * self.later

    def at(self, epoch: int) -> tuple[int, int]:
        """Return the step of an epoch and the epoch's number within it, both from 0."""
        if epoch < self.first:
            return 0, epoch
        step, within = divmod(epoch - self.first, self.later)
        return step + 1, within

    def ends_step(self, epoch: int) -> bool:
        return self.at(epoch + 1)[1] == 0


@register("warmups", "buc", revision=1)
class BucTraining:
    """BUC (AAAI'19): one cluster per sample, repelled loss, the nearest clusters merge."""

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        self.context, self.encoder = context, encoder
        self.settings = context.settings.warmup.buc
        self.target = context.datasets["target"]
        self.images = self.target.images("train")
        tracklets = self.target.train.starts is not None
        self.frames = frames_of(self.target, self.settings.frames)
        self.schedule = BucSchedule.of(self.settings, tracklets)
        self.epochs = self.schedule.epochs
        samples = len(self.target.train)
        self.merges = int(samples * self.settings.merge_fraction)
        self._check(samples)
        frozen = EARLY_LAYERS if tracklets and self.settings.freeze == "tracklets" else ()
        self.frozen: list[nn.Module] = [encoder.get_submodule(name) for name in frozen]
        for part in self.frozen:
            part.requires_grad_(False)
        self.views = CropAndFlip()
        self.list = torch.randperm(samples, generator=context.torch_generator("list"))
        self.labels = torch.empty_like(self.list)
        self.labels[self.list] = torch.arange(samples)
        self.kept: dict[str, Tensor] = {}
        self.kept_step, self.best = -1, 0.0
        self._begin_step(0)

    def _check(self, samples: int) -> None:
        if self.merges < 1:
            raise UsageError(
                f"warmup.buc.merge_fraction={self.settings.merge_fraction:g} of {samples} samples "
                "is not one merge.",
                "Raise it.",
            )
        check_buc_result(self.settings)

    @property
    def clusters(self) -> int:
        return int(self.labels.max()) + 1

    def _begin_step(self, step: int) -> None:
        """An empty table and a fresh optimiser."""
        settings = self.settings
        self.table = LookUpTable(self.clusters, self.encoder.embedding_dim, self.context.device)
        trunk = (settings.lr if step == 0 else settings.later_lr) * settings.trunk_lr_factor
        self.optimizer = sgd_with_new_layers(
            self.encoder, [], trunk, 1 / settings.trunk_lr_factor, settings.weight_decay
        )

    def begin_epoch(self, epoch: int) -> Sequence[Tensor]:
        step, within = self.schedule.at(epoch)
        dropped = step == 0 and within >= self.settings.lr_drop_epoch
        set_lr(self.optimizer, 0.1 if dropped else 1.0)
        self.encoder.train()
        for part in self.frozen:
            part.eval()
        stream = self.context.torch_generator
        self.frame_draws, self.crops = stream("frames", epoch), stream("augment", epoch)
        self.drops = stream("dropout", epoch)
        samples = torch.arange(len(self.labels))
        return shuffled_batches(samples, self.settings.batch_size, stream("order", epoch))

    def why_idle(self) -> str:
        size, count = self.settings.batch_size, len(self.labels)
        return too_few("warmup.buc.batch_size", size, count, "training samples")

    def step(self, batch: Tensor) -> dict[str, Tensor | float]:
        rows = rows_of(self.target, batch, self.frames, self.frame_draws)
        images = to_network(self.images[rows.numpy()]).to(self.context.device)
        images = self.views.apply(
            images, self.views.sample(len(rows), self.crops, *images.shape[-2:])
        )
        unit = F.normalize(self.encoder(images, self.frames).embedding)
        features = dropped_out(unit, self.settings.dropout, self.drops)
        clusters = self.labels[batch].to(features.device)
        loss = repelled_loss(features, self.table.rows, clusters, self.settings.temperature)
        descend(self.optimizer, loss)
        self.table.update(clusters, features)
        return {"loss": loss}

    def end_epoch(self, epoch: int) -> dict[str, float]:
        """At the end of a step: judge it, keep its weights where they are wanted, merge."""
        if not self.schedule.ends_step(epoch):
            return {}
        step = self.schedule.at(epoch)[0]
        features = extract_pooled(
            self.encoder,
            self.images,
            PROTOCOL.batch_size,
            self.context.device,
            self.target.train.starts,
        )
        metrics = {
            "step": float(step),
            "step_clusters": float(self.clusters),
            "silhouette": silhouette(features, self.labels),
            "step_nmi": nmi(self.target.train.pids, self.labels),
        }
        if self.settings.evaluate_steps:
            result = evaluate(self.encoder, self.target, PROTOCOL, self.context.device)
            metrics |= {"step_mAP": result.mAP, "step_R1": result.R1}
        self._keep(step, metrics["silhouette"])
        if epoch + 1 == self.schedule.epochs:
            self.encoder.load_state_dict(self.kept)
            metrics["result_step"] = float(self.kept_step)
        else:
            self._merge(features)
            self._begin_step(step + 1)
        return metrics

    def _keep(self, step: int, score: float) -> None:
        wanted = self.settings.result
        if wanted == "silhouette":
            better = self.kept_step < 0 or score > self.best
        else:
            better = wanted in ("last", step)
        if better:
            state = self.encoder.state_dict()
            self.kept = {name: value.clone() for name, value in state.items()}
            self.kept_step, self.best = step, score

    def _merge(self, features: Tensor) -> None:
        merged = merge_clusters(
            features[self.list], self.labels[self.list], self.merges, self.settings.size_penalty
        )
        self.labels[self.list] = torch.from_numpy(merged)

    def state_dict(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "table": self.table.state_dict(),
            "labels": self.labels,
            "kept": self.kept,
            "kept_step": self.kept_step,
            "best": self.best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.labels = state["labels"].cpu()
        self._begin_step(0)
        self.optimizer.load_state_dict(state["optimizer"])
        self.table.load_state_dict(state["table"])
        self.kept = dict(state["kept"])
        self.kept_step, self.best = int(state["kept_step"]), float(state["best"])


def dropped_out(features: Tensor, share: float, draws: torch.Generator) -> Tensor:
    """Zero a share of all numbers and divide the others by 1 - share: (B, D) -> (B, D)."""
    if share == 0:
        return features
    kept = torch.rand(features.shape, generator=draws, dtype=torch.float64) >= share
    return features * kept.to(features) / (1 - share)
