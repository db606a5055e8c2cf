"""ACT as stage 1: two networks pick clean samples for each other, asymmetrically.

Source     Yang et al., "Asymmetric Co-Teaching for Unsupervised Cross-Domain Person
           Re-Identification", AAAI 2020, and its official code (specs: act.md); before it UDAP's
           self-training, from which the official checkpoints come (act.md 4.1). UDAP clusters raw
           averages, ACT unit rows.
Differs    E_id is ours: last stride 1, and x2 = ReLU(f) with f our embedding, that has fewer
           dimensions than the trunk and a linear layer with bias; x1 is the trunk's average, as
           there. The source model is the `source` stage's (cross-entropy alone), and the whole
           source training set stands in the distances. Erased rectangles have the colour and
           aspect of `Multi`. Outliers of fewer identities than a batch wants are left out; there
           the official code stops.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gclbench.datasets.base import Bytes
from gclbench.evaluation.features import extract_features
from gclbench.evaluation.preprocess import to_network
from gclbench.losses.triplet import batch_hard_losses, positive_pair_losses
from gclbench.networks.id_encoder import IdEncoder, IdOutput
from gclbench.pseudolabels.act import act_labels
from gclbench.registry import register
from gclbench.samplers.identities import IdentityGroups
from gclbench.schema.act import ActSettings
from gclbench.stages.context import StageContext
from gclbench.stages.idle import unclustered
from gclbench.stages.jvtc import jvtc_views
from gclbench.stages.loop import descend

Learner = Literal["udap", "main", "co"]
_FEATURE_BATCH = 64


@dataclass(frozen=True)
class Place:
    """Where an epoch of the warm-up lies: phase, iteration and epoch in it, both from 0."""

    phase: Literal["udap", "act"]
    iteration: int
    epoch: int


@dataclass(frozen=True)
class ActBatch:
    """Rows of inliers (B,) and, where the main network learns, of outliers (B,) to pick from."""

    learner: Learner
    inliers: Tensor
    outliers: Tensor | None = None


class _Pooled(nn.Module):
    """E_id with x1, the trunk's average, in the place of its embedding."""

    def __init__(self, encoder: IdEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> IdOutput:
        output: IdOutput = self.encoder(images)
        return output._replace(embedding=output.pooled)


def place_of(epoch: int, settings: ActSettings) -> Place:
    """Return where epoch `epoch` (from 0) lies: all of UDAP first, then all of ACT."""
    before = settings.udap_iterations * settings.udap_epochs
    if epoch < before:
        return Place("udap", *divmod(epoch, settings.udap_epochs))
    return Place("act", *divmod(epoch - before, settings.epochs))


def keep_count(size: int, iteration: int, settings: ActSettings) -> int:
    """Return how many of `size` samples an iteration (from 0) keeps; at the last one all.

    int(size * rho), rho = base + (1 - base) * (iteration + 1) / iterations; official: 0.2 + 0.08
    * (iteration + 1). Two at least: BatchNorm has no statistics of a single sample.
    """
    base = settings.keep_base
    rho = base + (1 - base) * (iteration + 1) / settings.iterations
    return min(size, max(2, int(size * rho + 1e-9)))


def smallest(losses: Tensor, count: int) -> Tensor:
    """Return where the `count` smallest losses (B,) stand; ties (zeros are common) by position."""
    return torch.argsort(losses, stable=True)[:count]


@register("warmups", "act", revision=2)
class ActTraining:
    """ACT (AAAI'20): UDAP's self-training, then asymmetric co-teaching. Wants a source.

    `encoder` is the main network: it alone is clustered with and kept. `co` takes its weights
    when ACT proper starts.
    """

    needs_source = True
    takes_tracklets = False

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        target, source = context.datasets["target"], context.datasets["source"]
        self.context, self.encoder = context, encoder
        self.settings = context.settings.warmup.act
        self.epochs = (
            self.settings.udap_iterations * self.settings.udap_epochs
            + self.settings.iterations * self.settings.epochs
        )
        self.images = target.images("train")
        self.source_images = source.images("train")
        self.co = copy.deepcopy(encoder)
        self.optimizers = self._optimizers()
        self.labels = torch.full((len(self.images),), -1)
        self.inliers = torch.zeros(len(self.images), dtype=torch.bool)
        self.eps: float | None = None
        self.place = place_of(0, self.settings)

    def _optimizers(self) -> dict[Learner, torch.optim.Optimizer]:
        """Each goes on across iterations; no weight decay, no schedule."""
        settings = self.settings
        return {
            "udap": torch.optim.SGD(
                self.encoder.parameters(), lr=settings.udap_lr, momentum=settings.udap_momentum
            ),
            "main": torch.optim.Adam(self.encoder.parameters(), lr=settings.lr),
            "co": torch.optim.Adam(self.co.parameters(), lr=settings.lr),
        }

    def begin_epoch(self, epoch: int) -> Sequence[ActBatch]:
        """Label anew when an iteration begins, then draw batches."""
        self.place = place_of(epoch, self.settings)
        if self.place.epoch == 0:
            self._begin_iteration(epoch)
        self.encoder.train()
        self.co.train()
        self.generator = self.context.torch_generator("augment", epoch)
        return self._batches(epoch)

    def _begin_iteration(self, epoch: int) -> None:
        if self.place.iteration == 0:
            self.eps = None  # each of the two keeps the eps of its own first iteration
            if self.place.phase == "act":
                self.co.load_state_dict(self.encoder.state_dict())
        settings = self.settings
        found = act_labels(
            self._features(self.images),
            self._features(self.source_images),
            eps=self.eps,
            k1=settings.k1,
            k2=settings.k2,
            rho=settings.rho,
            min_samples=settings.min_samples,
            source_weight=settings.source_weight,
            unit=self._unit,
        )
        self.eps = found.eps
        self.labels, self.inliers = torch.from_numpy(found.labels), torch.from_numpy(found.inliers)
        self.context.log("clusters", float(found.clusters), epoch + 1)
        self.context.log("outliers", float((~found.inliers).sum()), epoch + 1)
        self.context.log("eps", found.eps, epoch + 1)

    @property
    def _unit(self) -> bool:
        """Whether clusters are made of unit rows: in ACT; UDAP takes averages as they are."""
        return self.place.phase == "act"

    def _features(self, images: Bytes) -> Tensor:
        return extract_features(
            _Pooled(self.encoder), images, _FEATURE_BATCH, self.context.device, unit=self._unit
        )

    def _groups(self, chosen: Tensor) -> IdentityGroups:
        rows = chosen.nonzero()[:, 0]
        return IdentityGroups(rows, self.labels[rows])

    def _batches(self, epoch: int) -> list[ActBatch]:
        settings, images = self.settings, self.settings.instances
        order = self.context.torch_generator("order", epoch)
        groups = self._groups(self.inliers)
        if self.place.phase == "udap":
            people = settings.udap_batch_images // images
            return [ActBatch("udap", rows) for rows in groups.epoch(people, images, order)]
        people = settings.batch_images // images
        noisy, draws = self._groups(~self.inliers), self.context.torch_generator("noisy", epoch)
        batches = []
        for number, rows in enumerate(groups.epoch(people, images, order)):
            if number % 2 == 0:
                batches.append(ActBatch("co", rows))
            else:
                batches.append(ActBatch("main", rows, noisy.batch(people, images, draws)))
        return batches

    def own_steps(self, batches: Sequence[ActBatch]) -> int:
        """Steps of E_id, the main network: a single batch of co-teaching is `co`'s alone."""
        return sum(batch.learner != "co" for batch in batches)

    def why_idle(self) -> str:
        udap, settings = self.place.phase == "udap", self.settings
        images = settings.udap_batch_images if udap else settings.batch_images
        people = images // settings.instances * (1 if udap else 2)
        wanted = f"{people} clusters" + (
            "" if udap else " (every other batch is the co-network's)"
        )
        return unclustered(torch.where(self.inliers, self.labels, -1), wanted)

    def step(self, batch: ActBatch) -> dict[str, Tensor | float]:
        images, labels = self._views(batch.inliers)
        if batch.learner == "udap":
            return {"loss": self._learn("udap", images, labels)}
        if batch.learner == "co":
            kept = self._picked(self.encoder, images, labels)
            return {"loss": self._learn("co", images[kept], labels[kept])}
        if batch.outliers is not None:
            more, more_labels = self._views(batch.outliers)
            kept = self._picked(self.co, more, more_labels)
            images = torch.cat([images, more[kept]])
            labels = torch.cat([labels, more_labels[kept]])
        return {"loss": self._learn("main", images, labels)}

    def _views(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        images = to_network(self.images[rows.numpy()]).to(self.context.device)
        return jvtc_views(images, self.generator), self.labels[rows].to(self.context.device)

    @torch.no_grad()
    def _picked(self, network: IdEncoder, images: Tensor, labels: Tensor) -> Tensor:
        """What `network` takes for clean. In train mode: its running statistics move, as there."""
        losses = co_teaching_losses(network(images), labels, self.settings.margin)
        return smallest(losses, keep_count(len(images), self.place.iteration, self.settings))

    def _learn(self, learner: Learner, images: Tensor, labels: Tensor) -> Tensor:
        network = self.co if learner == "co" else self.encoder
        rule = udap_loss if learner == "udap" else co_teaching_losses
        loss = rule(network(images), labels, self.settings.margin).mean()
        optimizer = self.optimizers[learner]
        descend(optimizer, loss)
        return loss.detach()

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What the phase goes on with: co-teaching begins with a copy of `encoder` and new Adams,
        and has no use for UDAP's momentum."""
        learners: tuple[Learner, ...] = ("udap",) if self.place.phase == "udap" else ("main", "co")
        return {
            "encoder": self.encoder.state_dict(),
            **({"co": self.co.state_dict()} if "co" in learners else {}),
            "optimizers": {name: self.optimizers[name].state_dict() for name in learners},
            "labels": self.labels,
            "inliers": self.inliers,
            "eps": self.eps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.encoder.load_state_dict(state["encoder"])
        if "co" in state:
            self.co.load_state_dict(state["co"])
        for name, part in state["optimizers"].items():
            self.optimizers[name].load_state_dict(part)
        self.labels, self.inliers = state["labels"].cpu(), state["inliers"].cpu()
        self.eps = state["eps"]


def co_teaching_losses(output: IdOutput, labels: Tensor, margin: float) -> Tensor:
    """Tri(x1) + Tri(x2) of every sample, batch-hard; x1 the trunk's average, x2 = ReLU(f)."""
    first = batch_hard_losses(output.pooled, labels, margin)
    return first + batch_hard_losses(F.relu(output.embedding), labels, margin)


def udap_loss(output: IdOutput, labels: Tensor, margin: float) -> Tensor:
    """Tri(x1) + Tri(x2) of every pair of one label (P,), see `positive_pair_losses`."""
    first = positive_pair_losses(output.pooled, labels, margin)
    return first + positive_pair_losses(F.relu(output.embedding), labels, margin)
