"""A decoder f -> image, trained on the spot: it makes a mix of embeddings visible.

Ours, in the place of the VAE-GAN that GCL+ trains after AMR for Table 2. It knows nothing but f,
so what its pictures lack, f lacks too (or a small decoder could not learn it in a few hundred
steps); no loss asks for sharpness.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gclbench.datasets.base import Bytes
from gclbench.evaluation.preprocess import to_network
from gclbench.networks.initialise import initialise
from gclbench.networks.layers import Convolution, Dense
from gclbench.runtime.figures.trained import Painter

STEPS, BATCH, LR = 400, 32, 3e-3
_ENCODED_AT_ONCE = 64


class Decoder(nn.Module):
    """Embeddings (B, E) -> images (B, 3, H, W), ImageNet-normalised."""

    widths = (64, 48, 24, 12)

    def __init__(
        self, embedding_dim: int, height_px: int, width_px: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.size = (height_px, width_px)
        self.start = (self.widths[0], -(-height_px // 8), -(-width_px // 8))
        first = self.widths[0] * self.start[1] * self.start[2]
        self.seed = Dense(embedding_dim, first)
        self.steps = nn.ModuleList(
            Convolution(a, b, 3, padding=1)
            for a, b in zip(self.widths, self.widths[1:], strict=False)
        )
        self.last = Convolution(self.widths[-1], 3, 3, padding=1)
        initialise(self, "kaiming", generator)

    def forward(self, embedding: Tensor) -> Tensor:
        maps = F.relu(self.seed(embedding)).reshape(-1, *self.start)
        for step in self.steps:
            maps = F.relu(step(F.interpolate(maps, scale_factor=2.0, mode="nearest")))
        result: Tensor = self.last(maps)[..., : self.size[0], : self.size[1]]
        return result


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
