"""A decoder f -> image, trained on the spot: it makes a mix of embeddings visible.

Ours, in the place of the VAE-GAN that GCL+ trains after AMR for Table 2. It knows nothing but f,
so what its pictures lack, f lacks too (or a small decoder could not learn it in a few hundred
steps); no loss asks for sharpness.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gclbench.datasets.base import Bytes
from gclbench.evaluation.preprocess import to_network
from gclbench.networks.initialise import initialise
from gclbench.networks.layers import Dense
from gclbench.runtime.figures.trained import Painter

STEPS, BATCH, LR, HIDDEN = 800, 32, 1e-3, 512
_ENCODED_AT_ONCE = 64


class Decoder(nn.Module):
    """Embeddings (B, E) -> images (B, 3, H, W), ImageNet-normalised: two layers at half the size.

    No convolutions: in a few hundred steps they learn outlines but not colours.
    """

    size: tuple[int, int]
    coarse: tuple[int, int, int]

    def __init__(
        self, embedding_dim: int, height_px: int, width_px: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.size = (height_px, width_px)
        self.coarse = (3, -(-height_px // 2), -(-width_px // 2))
        self.first = Dense(embedding_dim, HIDDEN)
        self.last = Dense(HIDDEN, math.prod(self.coarse))
        initialise(self, "kaiming", generator)

    def forward(self, embedding: Tensor) -> Tensor:
        small = self.last(F.relu(self.first(embedding))).reshape(-1, *self.coarse)
        return F.interpolate(small, size=self.size, mode="bilinear", align_corners=False)


def train_decoder(
    painter: Painter, images: Bytes, generator: torch.Generator, steps: int = STEPS
) -> Decoder:
    """Learn to invert `painter`'s E_id on training images uint8 (N, H, W, 3) with L1 and Adam.

    Equal generators, networks and images give equal decoders. Seconds at 64x32 on a CPU.
    """
    parts = range(0, len(images), _ENCODED_AT_ONCE)
    features = torch.cat(
        [painter.encode(images[at : at + _ENCODED_AT_ONCE]).embedding for at in parts]
    )
    height, width = images.shape[1:3]
    decoder = Decoder(features.shape[1], height, width, generator).to(painter.device)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=LR)
    for step in range(steps):
        # The rate falls to nothing, so that the last step's batch leaves no trace of its own.
        optimizer.param_groups[0]["lr"] = LR * (1 - step / steps)
        batch = torch.randint(len(images), (BATCH,), generator=generator)
        target = to_network(images[batch.numpy()], painter.device)
        loss = F.l1_loss(decoder(features[batch.to(features.device)]), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return decoder.eval().requires_grad_(False)
