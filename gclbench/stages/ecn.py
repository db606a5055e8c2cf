"""ECN as stage 1: an exemplar memory, neighbours that count as the same, a labelled source.

Source    Zhong et al., "Invariance Matters: Exemplar Memory for Domain Adaptive Person
          Re-identification", CVPR 2019, and its public code.
Differs   no CamStyle images: the paper's camera invariance (its second of three) is absent, an
          image is replaced by augmented copies of itself alone. Without a source the target's loss
          stands alone, with weight 1; the paper is UDA only. E_id starts from the source stage
          with its classifier, not from ImageNet. Images are padded and cropped, where the code
          crops a part of random size. Evaluation reads f as everywhere here, the code's reads the
          pooled vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from gclbench.losses.exemplar import exemplar_loss
from gclbench.memory.ordered import OrderedBank
from gclbench.networks.id_encoder import IdEncoder
from gclbench.registry import register
from gclbench.stages.augmented import augmented
from gclbench.stages.context import StageContext
from gclbench.stages.loop import descend
from gclbench.stages.source_branch import Batch, SourceBranch, batches_beside
from gclbench.stages.supervised import set_lr, sgd_with_new_layers


@register("warmups", "ecn", revision=1)
class EcnTraining:
    """ECN (CVPR'19): every image against a memory of all, its nearest ones as the same."""

    takes_tracklets = False

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        self.context, self.encoder = context, encoder
        self.settings = settings = context.settings.warmup.ecn
        self.epochs = settings.epochs
        self.images = context.datasets["target"].images("train")
        self.bank = OrderedBank.empty(len(self.images), encoder.embedding_dim, context.device)
        self.source: SourceBranch | None = None
        extra: list[nn.Parameter] = []
        if "source" in context.parents:
            self.source = SourceBranch(context, encoder.embedding_dim, settings.batch_size)
            extra += self.source.classifier.parameters()
        self.frozen = _stages(encoder, settings.frozen_stages)
        for part in self.frozen:
            part.requires_grad_(False)
        self.optimizer = sgd_with_new_layers(
            encoder, extra, settings.lr, settings.new_layer_lr_factor, settings.weight_decay
        )

    def begin_epoch(self, epoch: int) -> Sequence[Batch]:
        """Draw one pass over the source, or over the target where there is none."""
        settings = self.settings
        set_lr(self.optimizer, 0.1 ** (epoch // settings.lr_step_epochs))
        self.encoder.train()
        for part in self.frozen:
            part.eval()  # their BatchNorm keeps its statistics too
        self.momentum = min(settings.memory_momentum_step * epoch, 1.0)
        late = epoch + 1 >= settings.neighbours_from_epoch
        self.neighbours = settings.neighbours if late else 0
        self.generator = self.context.torch_generator("augment", epoch)
        self.drops = self.context.torch_generator("dropout", epoch)
        return batches_beside(
            self.context, epoch, len(self.images), settings.batch_size, self.source
        )

    def step(self, batch: Batch) -> dict[str, Tensor | float]:
        rows, source_rows = batch
        losses: dict[str, Tensor] = {}
        if self.source is not None and source_rows is not None:
            losses["source"] = self._source_loss(self.source, source_rows)
        # ECN normalises first and drops afterwards.
        unit = F.normalize(self._embed(self.images, rows), dim=1)
        features = self._drop(unit)
        indices = rows.to(features.device)
        losses["target"] = exemplar_loss(
            features, self.bank.rows, indices, self.settings.temperature, self.neighbours
        )
        total = losses["target"]
        if "source" in losses:
            share = self.settings.target_weight
            total = (1 - share) * losses["source"] + share * losses["target"]
        descend(self.optimizer, total)
        self.bank.update(indices, features.detach(), self.momentum)
        return {"loss": total, **losses}

    def _source_loss(self, source: SourceBranch, rows: Tensor) -> Tensor:
        features = self._drop(F.relu(self._embed(source.images, rows)))
        labels = source.labels[rows.to(features.device)]
        return F.cross_entropy(source.classifier(features), labels)

    def _embed(self, images: NDArray[np.uint8], rows: Tensor) -> Tensor:
        views = augmented(images, rows, self.generator, self.context.device)
        embedding: Tensor = self.encoder(views).embedding
        return embedding

    def _drop(self, features: Tensor) -> Tensor:
        """Dropout whose chance comes from the epoch's stream: (B, E) -> (B, E)."""
        share = self.settings.dropout
        if not share:
            return features
        stays = torch.rand(features.shape, generator=self.drops) >= share
        return features * stays.to(features) / (1 - share)

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        state = {
            "encoder": self.encoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "bank": self.bank.state_dict(),
        }
        if self.source is not None:
            state["classifier"] = self.source.classifier.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.bank.load_state_dict(state["bank"])
        if self.source is not None:
            self.source.classifier.load_state_dict(state["classifier"])


def _stages(encoder: IdEncoder, number: int) -> list[nn.Module]:
    """The stem and the first `number` stages of the trunk; nothing for 0."""
    if number == 0:
        return []
    names = ["conv1", "bn1", *(f"layer{i + 1}" for i in range(number))]
    return [encoder.get_submodule(name) for name in names]
