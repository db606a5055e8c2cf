"""E_id as one function of pictures: the form in which it leaves for other programs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gclbench.evaluation.preprocess import IMAGENET_MEAN, IMAGENET_STD
from gclbench.networks.id_encoder import IdEncoder


class Embedder(nn.Module):
    """uint8 RGB (B, H, W, 3) -> unit test features f / |f|, float32 (B, E).

    The numbers of `evaluation.features.extract_features`, bit for bit: scaling and normalisation
    are inside, so that who runs it cannot prepare the images in another way.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, encoder: IdEncoder) -> None:
        super().__init__()
        self.encoder = encoder.eval()
        mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
        self.register_buffer("shift", -mean / std)
        self.register_buffer("scale", 1 / (255 * std))
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        floats = torch.addcmul(self.shift, images.float(), self.scale).permute(0, 3, 1, 2)
        pooled = self.encoder.trunk(floats).mean((2, 3))
        return F.normalize(self.encoder.embed(pooled).float())
