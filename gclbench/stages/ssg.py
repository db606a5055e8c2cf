"""SSG as stage 1: whole bodies, upper and lower halves are clustered and learnt each by itself.

Source    Fu et al., "Self-similarity Grouping", ICCV 2019, and its public code
          (SHI-Labs/Self-Similarity-Grouping, selftraining.py). The one-shot extension SSG++ is
          left out.
Differs   E_id is ours: last stride 1 and no dropout; f, the embedding, has fewer dimensions than
          the trunk and a linear layer with bias. Halves are means of E_id's part averages; an odd
          number of parts has none. The code adds each image's distance from the source, which on
          averages of this length is the same for all: here it is left out, as in the paper, and no
          source is needed. Because of it no distance is 0 there, so that pairs with one and the
          same neighbourhood stand in the mean that is the radius, as they do here. A triplet's
          positive has the label of its own grouping; in the code it is whoever shares the label
          of the whole body. E_id is tested by f; there by whole and halves side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gclbench.evaluation.features import extract_features
from gclbench.evaluation.preprocess import to_network
from gclbench.losses.triplet import positive_pair_losses
from gclbench.networks.id_encoder import IdEncoder, IdOutput
from gclbench.pseudolabels.kept_radius import kept_radius_labels
from gclbench.registry import register
from gclbench.samplers.identities import IdentityGroups
from gclbench.schema.fit import check_halves
from gclbench.schema.self_training_warmups import SsgSettings
from gclbench.stages.context import StageContext
from gclbench.stages.idle import unclustered
from gclbench.stages.jvtc import jvtc_views
from gclbench.stages.loop import descend

GROUPINGS = ("whole", "upper", "lower")
_FEATURE_BATCH = 64


class _Views(nn.Module):
    """E_id with its three averages, as they come, side by side as its embedding."""

    def __init__(self, encoder: IdEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> IdOutput:
        output: IdOutput = self.encoder(images)
        return output._replace(embedding=torch.cat(averages(output), dim=1))


@register("warmups", "ssg", revision=2)
class SsgTraining:
    """SSG (ICCV'19): triplets of whole bodies and halves, each with clusters of its own.

    With a source, E_id comes from there; its images are not used again. Raises UsageError where
    E_id has an odd number of parts.
    """

    takes_tracklets = False

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        check_halves(encoder.parts)
        self.context, self.encoder = context, encoder
        self.settings: SsgSettings = context.settings.warmup.ssg
        self.epochs = self.settings.iterations * self.settings.epochs
        self.images = context.datasets["target"].images("train")
        self.optimizer = torch.optim.SGD(
            encoder.parameters(),
            lr=self.settings.lr,
            momentum=self.settings.momentum,
            weight_decay=self.settings.weight_decay,
        )
        self.labels = torch.full((len(GROUPINGS), len(self.images)), -1)
        self.eps: list[float | None] = [None] * len(GROUPINGS)

    def begin_epoch(self, epoch: int) -> Sequence[Tensor]:
        """Group anew when an iteration begins, then draw people that every grouping knows."""
        if epoch % self.settings.epochs == 0:
            self._group(epoch)
        self.encoder.train()
        self.generator = self.context.torch_generator("augment", epoch)
        known = (self.labels >= 0).all(dim=0).nonzero()[:, 0]
        return IdentityGroups(known, self.labels[0, known]).epoch(
            self.settings.batch_images // self.settings.instances,
            self.settings.instances,
            self.context.torch_generator("order", epoch),
        )

    def why_idle(self) -> str:
        """Why the epoch has no batch: only images that all three groupings cluster are drawn."""
        known = (self.labels >= 0).all(dim=0)
        people = self.settings.batch_images // self.settings.instances
        return unclustered(torch.where(known, self.labels[0], -1), f"{people} clusters")

    def _group(self, epoch: int) -> None:
        settings = self.settings
        rows = extract_features(
            _Views(self.encoder), self.images, _FEATURE_BATCH, self.context.device, unit=False
        )
        found = [
            kept_radius_labels(
                part,
                eps,
                k1=settings.k1,
                k2=settings.k2,
                rho=settings.rho,
                min_samples=settings.min_samples,
                eps_rule=settings.eps_rule,
                unit=False,
            )
            for part, eps in zip(rows.chunk(len(GROUPINGS), dim=1), self.eps, strict=True)
        ]
        self.eps = [grouping.eps for grouping in found]
        self.labels = torch.stack([torch.from_numpy(grouping.labels) for grouping in found])
        for name, grouping in zip(GROUPINGS, found, strict=True):
            self.context.log(f"clusters_{name}", float(grouping.clusters), epoch + 1)
            self.context.log(f"outliers_{name}", float(grouping.outliers), epoch + 1)

    def step(self, batch: Tensor) -> dict[str, Tensor | float]:
        images = to_network(self.images[batch.numpy()]).to(self.context.device)
        output = self.encoder(jvtc_views(images, self.generator))
        labels = self.labels[:, batch].to(self.context.device)
        losses = ssg_losses(output, labels, self.settings.margin)
        total = torch.stack(list(losses.values())).sum()
        descend(self.optimizer, total)
        return {"loss": total, **losses}

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "labels": self.labels,
            "eps": self.eps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.labels, self.eps = state["labels"].cpu(), state["eps"]


def averages(output: IdOutput) -> tuple[Tensor, Tensor, Tensor]:
    """Return the averages (B, C) over the whole map, its upper and its lower half."""
    upper, lower = output.f_id[..., 0].chunk(2, dim=2)
    return output.pooled, upper.mean(dim=2), lower.mean(dim=2)


def ssg_losses(output: IdOutput, labels: Tensor, margin: float) -> dict[str, Tensor]:
    """Mean triplet loss of ReLU(f) and of each average, labels (3, B) by grouping.

    f has the labels of the whole body. 0 where no two rows of the batch share a label.
    """
    losses = {"embedding": _mean_loss(F.relu(output.embedding), labels[0], margin)}
    for name, rows, own in zip(GROUPINGS, averages(output), labels, strict=True):
        losses[name] = _mean_loss(rows, own, margin)
    return losses


def _mean_loss(rows: Tensor, labels: Tensor, margin: float) -> Tensor:
    losses = positive_pair_losses(rows, labels, margin)
    return losses.sum() / max(len(losses), 1)
