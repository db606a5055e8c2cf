"""D: one patch discriminator for each scale, each on an image half as large as the one before."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gclbench.errors import ShapeError
from gclbench.networks.initialise import initialise
from gclbench.networks.layers import ConvBlock, Convolution, Padding, ResidualBlock
from gclbench.registry import register
from gclbench.schema.settings import DiscriminatorSettings


@register("networks", "discriminator", revision=1)
class Discriminator(nn.Module):
    """D: (B, 3, H, W) -> a list of logit maps (B, 1, H / 4, W / 4), (B, 1, H / 8, W / 8), ...

    Source    GCL+ section 3.2, layers as in the public code; LeakyReLU, no norm. The next scale
              sees the average over 3x3 at stride 2, padding not counted.
    Gradient  twice differentiable with respect to the images (R1).
    Raises    ShapeError naming a wrong axis.
    Weights   from `generator` (normal, 0.02) when given, else zero until a checkpoint fills them.
    """

    def __init__(
        self,
        settings: DiscriminatorSettings,
        *,
        padding: Padding = "reflect",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.cnns = nn.ModuleList(_patch_net(settings, padding) for _ in range(settings.scales))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if generator is not None:
            initialise(self, "gaussian", generator)

    def forward(self, images: Tensor) -> list[Tensor]:
        if images.dim() != 4 or images.shape[1] != 3:
            raise ShapeError(f"images have shape {tuple(images.shape)}, expected (B, 3, H, W).")
        logits = []
        for index, net in enumerate(self.cnns):
            if index:
                images = F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)
            logits.append(net(images))
        return logits


def _patch_net(settings: DiscriminatorSettings, padding: Padding) -> nn.Sequential:
    width = settings.width
    plan = (
        (3, width, 1, 1),
        (width, width, 3, 1),
        (width, width, 3, 2),
        (width, width, 3, 1),
        (width, 2 * width, 3, 2),
    )
    layers: list[nn.Module] = [
        ConvBlock(before, after, kernel, stride=stride, padding=padding)
        for before, after, kernel, stride in plan
    ]
    layers += [
        ResidualBlock(2 * width, norm="none", padding=padding) for _ in range(settings.blocks)
    ]
    return nn.Sequential(*layers, Convolution(2 * width, 1, 1))
