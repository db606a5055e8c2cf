"""MMT as stage 1: two networks learn from clusters, and from each other's averages over time.

Source    Ge, Chen and Li, "Mutual Mean-Teaching", ICLR 2020, and its public code (yxgeee/MMT), the
          script that clusters by DBSCAN: the paper's k-means wants a number of people, which
          nobody knows here.
Differs   E_id is ours. Triplets are of the trunk's average, as there; classifiers, clusters and
          evaluation have f, the embedding after BatchNorm, where the code has BatchNorm of that
          average, with its shift held at 0. The code trains two source models from two seeds; here
          one artifact leads up to stage 1, so the second network has the first one's trunk and a
          head drawn anew. Heads of their own are no common space: where the code takes the mean of
          the two teachers' features, here distances are the means of the two teachers', and either
          network's classifier starts from centres of its own. The classifier has one row per
          cluster; the code's has one per image, most of them unused. The labelled source is not
          trained on. The last epoch counts, and teacher 1; the code keeps the best on the test
          set.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gclbench.evaluation.features import extract_features
from gclbench.losses.prototype import prototypes
from gclbench.losses.triplet import soft_triplet_losses, softmax_triplet_losses
from gclbench.networks.build import build_id_encoder
from gclbench.networks.id_encoder import IdEncoder
from gclbench.pseudolabels.kept_radius import kept_radius_labels
from gclbench.registry import register
from gclbench.schema.self_training_warmups import MmtSettings
from gclbench.stages.augmented import augmented
from gclbench.stages.checkpoint import refit_statistics
from gclbench.stages.context import StageContext
from gclbench.stages.gallery_batches import GalleryGroups
from gclbench.stages.idle import unclustered
from gclbench.stages.loop import descend

_FEATURE_BATCH = 64


class Learner(nn.Module):
    """E_id and a classifier of its clusters; images (B, 3, H, W) -> averages (B, C), logits."""

    def __init__(self, encoder: IdEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def set_centres(self, centres: Tensor) -> None:
        """Start the classifier anew from unit vectors (clusters, E); it has no bias."""
        self.centres = nn.Parameter(centres.clone())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output = self.encoder(images)
        return output.pooled, F.linear(output.embedding, self.centres)


@register("warmups", "mmt", revision=1)
class MmtTraining:
    """MMT (ICLR'20): soft labels from each other's mean teachers. E_id is teacher 1.

    Classifiers and Adam start anew in every epoch, as in the public code: the four encoders and
    DBSCAN's radius are all that lasts. With a source, E_id comes from there; its images are not
    used again.
    """

    takes_tracklets = False

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        self.context = context
        self.settings: MmtSettings = context.settings.warmup.mmt
        self.epochs = self.settings.epochs
        target = context.datasets["target"]
        self.images, self.cams = target.images("train"), target.train.cams
        second = self._second(encoder)
        self.teachers = [Learner(encoder), Learner(second)]
        self.students = [Learner(copy.deepcopy(encoder)), Learner(copy.deepcopy(second))]
        self.eps: float | None = None

    def _second(self, encoder: IdEncoder) -> IdEncoder:
        """The same trunk under a new head, its BatchNorm fitted to the training images."""
        generator = self.context.torch_generator("second")
        drawn = build_id_encoder(self.context.settings.network.id_encoder, generator)
        drawn.to(self.context.device)
        drawn.load_state_dict(
            {
                name: drawn.state_dict()[name] if name.startswith("feat") else value
                for name, value in encoder.state_dict().items()
            }
        )
        refit_statistics(drawn, "head", self.images, self.context.device)
        return drawn

    def begin_epoch(self, epoch: int) -> Sequence[Tensor]:
        """Cluster both teachers' features, start the classifiers from them, draw batches."""
        settings = self.settings
        rows = [self._features(teacher) for teacher in self.teachers]
        found = kept_radius_labels(
            # Both halves have unit length: the product of two rows is the mean of both products.
            torch.cat(rows, dim=1) / 2**0.5,
            self.eps,
            k1=settings.k1,
            k2=settings.k2,
            rho=settings.rho,
            min_samples=settings.min_samples,
            eps_rule=settings.eps_rule,
        )
        self.eps = found.eps
        self.context.log("clusters", float(found.clusters), epoch + 1)
        self.context.log("outliers", float(found.outliers), epoch + 1)
        self.labels = torch.from_numpy(found.labels)
        if found.clusters:
            self._set_centres(rows)
        self.done = epoch * settings.iterations
        self.views = [self.context.torch_generator("augment", name, epoch) for name in (1, 2)]
        return GalleryGroups(found.labels, self.cams).batches(
            settings.iterations,
            settings.batch_size,
            settings.images_per_person,
            self.context.torch_generator("order", epoch),
        )

    def why_idle(self) -> str:
        return unclustered(self.labels, "one cluster")

    def _features(self, teacher: Learner) -> Tensor:
        return extract_features(teacher.encoder, self.images, _FEATURE_BATCH, self.context.device)

    def _set_centres(self, rows: Sequence[Tensor]) -> None:
        pairs = list(zip(self.students, self.teachers, strict=True))
        for own, (student, teacher) in zip(rows, pairs, strict=True):
            centres = F.normalize(prototypes(own, self.labels), dim=1).to(self.context.device)
            for learner in (student, teacher):
                learner.set_centres(centres)
                # A teacher too: its answers rest on the batch, its running statistics go along.
                learner.train()
        parameters = [p for student in self.students for p in student.parameters()]
        self.optimizer = torch.optim.Adam(
            parameters, lr=self.settings.lr, weight_decay=self.settings.weight_decay
        )

    def step(self, batch: Tensor) -> dict[str, Tensor | float]:
        labels = self.labels[batch].to(self.context.device)
        views = [
            augmented(self.images, batch, generator, self.context.device)
            for generator in self.views
        ]
        pairs = list(zip(views, self.students, self.teachers, strict=True))
        answers = [student(view) for view, student, _ in pairs]
        with torch.no_grad():
            taught = [teacher(view) for view, _, teacher in pairs]
        losses = self._losses(answers, taught, labels)
        total = torch.stack(list(losses.values())).sum()
        descend(self.optimizer, total)
        momentum = min(1 - 1 / (self.done + 1), self.settings.teacher_momentum)
        self.done += 1
        for student, teacher in zip(self.students, self.teachers, strict=True):
            follow(teacher, student, momentum)
        return {"loss": total, **losses}

    def _losses(
        self,
        answers: Sequence[tuple[Tensor, Tensor]],
        taught: Sequence[tuple[Tensor, Tensor]],
        labels: Tensor,
    ) -> dict[str, Tensor]:
        """Both students' losses; each one's soft labels are of the other one's teacher."""
        settings, parts = self.settings, list[tuple[Tensor, ...]]()
        for (rows, logits), (other_rows, other_logits) in zip(
            answers, reversed(taught), strict=True
        ):
            parts.append(
                (
                    F.cross_entropy(logits, labels, label_smoothing=settings.label_smoothing),
                    softmax_triplet_losses(rows, labels).mean(),
                    F.cross_entropy(logits, other_logits.softmax(dim=1)),
                    soft_triplet_losses(rows, other_rows, labels).mean(),
                )
            )
        hard_ce, hard_triplet, soft_ce, soft_triplet = (
            torch.stack(both).sum() for both in zip(*parts, strict=True)
        )
        ce, triplet = settings.soft_ce_weight, settings.soft_triplet_weight
        return {
            "ce": (1 - ce) * hard_ce,
            "triplet": (1 - triplet) * hard_triplet,
            "soft_ce": ce * soft_ce,
            "soft_triplet": triplet * soft_triplet,
        }

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {}

    def _encoders(self) -> dict[str, IdEncoder]:
        one, two = self.students
        return {
            "encoder": self.teachers[0].encoder,
            "second": self.teachers[1].encoder,
            "student": one.encoder,
            "second_student": two.encoder,
        }

    def state_dict(self) -> dict[str, Any]:
        encoders = {name: encoder.state_dict() for name, encoder in self._encoders().items()}
        return {**encoders, "eps": self.eps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, encoder in self._encoders().items():
            encoder.load_state_dict(state[name])
        self.eps = state["eps"]


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Move a teacher's parameters: `momentum` of the old, the rest of the student's.

    Buffers stay: a teacher's running statistics come of its own passes.
    """
    for old, new in zip(teacher.parameters(), student.parameters(), strict=True):
        old.mul_(momentum).add_(new, alpha=1 - momentum)
