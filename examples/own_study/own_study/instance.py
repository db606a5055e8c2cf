"""A warm-up of one's own: every image is a class of its own, told apart by a memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from gclbench.augmentations.multi import Multi
from gclbench.evaluation.features import extract_features
from gclbench.evaluation.preprocess import to_network
from gclbench.memory.bank import MemoryBank
from gclbench.networks.id_encoder import IdEncoder
from gclbench.registry import register
from gclbench.schema import Model
from gclbench.stages.context import StageContext
from gclbench.stages.loop import shuffled_batches
from gclbench.stages.supervised import sgd_with_new_layers


class InstanceParameters(Model):
    """What settings may say: `warmup.method: {name: instance, old_row: 0.8}`."""

    old_row: float = Field(default=0.5, ge=0, lt=1, description="what a row keeps at an update")


@register("warmups", "instance", revision=1, parameters=InstanceParameters)
class InstanceTraining:
    """Instance discrimination: softmax of cosines with one memory row for each image.

    Source    Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance
              Discrimination", CVPR 2018. Differs: the softmax is over all rows, not estimated; a
              row keeps `old_row` of what it was and takes the rest from the newest feature.
    Settings  warmup.epochs, batch_images, lr, new_layer_lr_factor, weight_decay and
              global_temperature; the labelled source is not read.
    """

    takes_tracklets = False

    def __init__(
        self, context: StageContext, encoder: IdEncoder, *, parameters: InstanceParameters
    ) -> None:
        self.context, self.encoder, self.parameters = context, encoder, parameters
        self.settings = context.settings.warmup
        self.epochs = self.settings.epochs
        target = context.datasets["target"]
        self.images = target.images("train")
        self.augment = Multi()
        batch = self.settings.batch_images
        self.memory = MemoryBank(
            extract_features(encoder, self.images, batch, context.device).to(context.device)
        )
        self.optimizer = sgd_with_new_layers(
            encoder,
            [],
            self.settings.lr,
            self.settings.new_layer_lr_factor,
            self.settings.weight_decay,
        )

    def begin_epoch(self, epoch: int) -> Sequence[Tensor]:
        self.encoder.train()
        # Chance is named by the epoch, so that a resumed run draws what the killed one would have.
        self.generator = self.context.torch_generator("augment", epoch)
        order = self.context.torch_generator("order", epoch)
        return shuffled_batches(torch.arange(len(self.images)), self.settings.batch_images, order)

    def step(self, batch: Tensor) -> dict[str, Tensor | float]:
        images = to_network(self.images[batch.numpy()]).to(self.context.device)
        height_px, width_px = images.shape[-2:]
        chance = self.augment.sample(len(batch), self.generator, height_px, width_px)
        features = F.normalize(self.encoder(self.augment.apply(images, chance)).embedding)
        logits = features @ self.memory.rows.clone().T / self.settings.global_temperature
        loss = F.cross_entropy(logits, batch.to(logits.device))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.memory.update(batch, features.detach(), self.parameters.old_row)
        return {"loss": loss}

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
