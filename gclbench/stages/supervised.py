"""Training E_id with identity labels: generic pre-training, UDA's source, the world's upper bound.

Cross-entropy of a linear classifier on ReLU(f), as the source branch of JVTC (specs: Li and Zhang,
ECCV 2020, official code). Augmentation: horizontal flip and random erasing, a padded crop on top.
Of a tracklet, each visit sees one frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gclbench.augmentations.multi import Multi
from gclbench.datasets.base import Dataset
from gclbench.evaluation.preprocess import to_network
from gclbench.networks.id_encoder import IdEncoder
from gclbench.stages.context import StageContext
from gclbench.stages.frames import rows_of
from gclbench.stages.idle import too_few
from gclbench.stages.loop import descend, shuffled_batches


def sgd_with_new_layers(
    encoder: IdEncoder,
    extra: Sequence[nn.Parameter],
    lr: float,
    factor: float,
    weight_decay: float,
) -> torch.optim.SGD:
    """SGD (momentum 0.9, Nesterov); layers new to ImageNet learn `factor` times faster."""
    new = {"feat.weight", "feat.bias", "feat_bn.weight", "feat_bn.bias"}
    trunk = [p for name, p in encoder.named_parameters() if name not in new]
    head = [p for name, p in encoder.named_parameters() if name in new]
    groups = [
        {"params": trunk, "lr": lr, "initial_lr": lr},
        {"params": [*head, *extra], "lr": lr * factor, "initial_lr": lr * factor},
    ]
    return torch.optim.SGD(groups, momentum=0.9, nesterov=True, weight_decay=weight_decay)


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's rate to `factor` times its initial one."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def class_indices(dataset: Dataset) -> Tensor:
    """Training identities as 0 ... n-1 in the order of their sorted ids, (N,) int64."""
    return torch.unique(torch.from_numpy(dataset.train.pids), return_inverse=True)[1]


class SupervisedTraining:
    """E_id plus a linear classifier on one labelled training set; cosine schedule."""

    def __init__(
        self,
        context: StageContext,
        encoder: IdEncoder,
        dataset: Dataset,
        *,
        epochs: int,
        batch_size: int,
        lr: float,
        factor: float,
        weight_decay: float,
    ) -> None:
        self.context, self.encoder, self.dataset = context, encoder, dataset
        self.epochs, self.batch_size = epochs, batch_size
        self.images = dataset.images("train")
        self.labels = class_indices(dataset).to(context.device)
        self.augment = Multi()
        self.classifier = new_classifier(
            encoder.embedding_dim,
            int(self.labels.max()) + 1,
            context.torch_generator("classifier"),
        ).to(context.device)
        self.optimizer = sgd_with_new_layers(
            encoder, list(self.classifier.parameters()), lr, factor, weight_decay
        )

    def begin_epoch(self, epoch: int) -> Sequence[Tensor]:
        self.encoder.train()
        set_lr(self.optimizer, _cosine(epoch, self.epochs))
        self.generator = self.context.torch_generator("augment", epoch)
        self.frames = self.context.torch_generator("frames", epoch)
        count = torch.arange(len(self.labels))
        return shuffled_batches(
            count, self.batch_size, self.context.torch_generator("order", epoch)
        )

    def why_idle(self) -> str:
        setting = f"{self.context.stage}.batch_size"
        return too_few(setting, self.batch_size, len(self.labels), "training samples")

    def step(self, batch: Tensor) -> dict[str, Tensor | float]:
        rows = rows_of(self.dataset, batch, 1, self.frames)
        images = to_network(self.images[rows.numpy()]).to(self.context.device)
        height_px, width_px = images.shape[-2:]
        chance = self.augment.sample(len(batch), self.generator, height_px, width_px)
        images = self.augment.apply(images, chance)
        loss = identity_loss(self.encoder, self.classifier, images, self.labels[batch])
        descend(self.optimizer, loss)
        return {"loss": loss}

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder.state_dict(),
            "classifier": self.classifier.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.classifier.load_state_dict(state["classifier"])
        self.optimizer.load_state_dict(state["optimizer"])


def new_classifier(dim: int, classes: int, generator: torch.Generator) -> nn.Linear:
    """A bias-free linear classifier with weights from N(0, 0.001)."""
    layer = nn.utils.skip_init(nn.Linear, dim, classes, bias=False)
    with torch.no_grad():
        layer.weight.normal_(0.0, 0.001, generator=generator)
    return layer


def identity_loss(
    encoder: IdEncoder, classifier: nn.Linear, images: Tensor, labels: Tensor
) -> Tensor:
    """Cross-entropy of the classifier on ReLU(f); images (B, 3, H, W), labels (B,) -> ()."""
    return F.cross_entropy(classifier(F.relu(encoder(images).embedding)), labels)


def _cosine(epoch: int, epochs: int) -> float:
    return 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * epoch / epochs))))
