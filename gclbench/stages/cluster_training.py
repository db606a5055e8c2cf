"""What SpCL and Cluster Contrast share as stages: Adam, features, an epoch's beginning."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.evaluation.features import extract_features
from gclbench.networks.id_encoder import IdEncoder
from gclbench.schema.memory_warmups import ClusterContrastSettings, SpclSettings
from gclbench.stages.augmented import augmented
from gclbench.stages.context import StageContext
from gclbench.stages.supervised import set_lr

_EXTRACTION_BATCH = 64


class ClusterTraining:
    """E_id under Adam, tenfold slower every `lr_step_epochs`; its features are f / |f|.

    Differs   both codes take BatchNorm of the 2,048-d average (Cluster Contrast: GeM) pooling for
              the feature, with a frozen shift; here it is E_id's common head. They keep the best
              epoch by the test set's mAP, here the last one counts.
    """

    def __init__(
        self,
        context: StageContext,
        encoder: IdEncoder,
        settings: SpclSettings | ClusterContrastSettings,
    ) -> None:
        self.context, self.encoder = context, encoder
        self.epochs, self.lr_step_epochs = settings.epochs, settings.lr_step_epochs
        self.target = context.datasets["target"]
        self.images = self.target.images("train")
        self.optimizer = torch.optim.Adam(
            [{"params": list(encoder.parameters()), "lr": settings.lr, "initial_lr": settings.lr}],
            weight_decay=settings.weight_decay,
        )

    def start(self, epoch: int) -> None:
        """Set the rate, train mode and the epoch's stream of augmentations."""
        set_lr(self.optimizer, 0.1 ** (epoch // self.lr_step_epochs))
        self.encoder.train()
        self.generator = self.context.torch_generator("augment", epoch)

    def unit_features(self, images: NDArray[np.uint8]) -> Tensor:
        """Test features (N, E) of plain images, on the stage's device."""
        device = self.context.device
        return extract_features(self.encoder, images, _EXTRACTION_BATCH, device).to(device)

    def embed(self, images: NDArray[np.uint8], rows: Tensor) -> Tensor:
        """f (B, E) of augmented copies of some rows; chance from the epoch's stream."""
        views = augmented(images, rows, self.generator, self.context.device)
        embedding: Tensor = self.encoder(views).embedding
        return embedding

    def state_dict(self) -> dict[str, Any]:
        return {"encoder": self.encoder.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(state["optimizer"])
