"""E_str: from a gray projection of the mesh to the structure map that the decoder paints."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gclbench.networks.layers import ConvBlock, Padding, ResidualBlocks
from gclbench.registry import register
from gclbench.schema.fit import check_structure_width
from gclbench.schema.settings import GeneratorSettings


class Aspp(nn.Module):
    """Four parallel views of one map (1x1, and 3x3 at three dilations), joined and fused.

    The names conv6, conv12 and conv18 are those of the public checkpoints, whatever the dilations.
    """

    def __init__(
        self, inputs: int, outputs: int, dilations: tuple[int, int, int], padding: Padding
    ) -> None:
        super().__init__()
        branch = outputs // 4
        self.conv1 = ConvBlock(inputs, branch, 1, norm="instance", activate=False, padding=padding)
        for name, dilation in zip(("conv6", "conv12", "conv18"), dilations, strict=True):
            first = ConvBlock(inputs, branch, 1, norm="instance", padding=padding)
            second = ConvBlock(
                branch,
                branch,
                3,
                dilation=dilation,
                norm="instance",
                activate=False,
                padding=padding,
            )
            self.add_module(name, nn.Sequential(first, second))
        self.fuse = ConvBlock(
            outputs, outputs, 1, norm="instance", activate=False, padding=padding
        )

    def forward(self, maps: Tensor) -> Tensor:
        names = ("conv1", "conv6", "conv12", "conv18")
        views = [self.get_submodule(name)(maps) for name in names]
        return self.fuse(torch.cat(views, 1))


@register("networks", "str_encoder", revision=1)
class StructureEncoder(nn.Module):
    """E_str: (B, 1, H, W) -> f_str (B, decoder_width, H / 4, W / 4).

    Source    GCL+ section 3.2; layers as in the public code (D-07).
    Expects   a projection normalised by (v / 255 - 0.5) / 0.5; H and W divisible by 4.
    Raises    UsageError when decoder_width is not divisible by 4 (four ASPP branches).
    Weights   zero until `initialise(module, "kaiming", generator)` or a checkpoint fills them.
    """

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        check_structure_width(settings)
        width, fill = settings.structure_width, settings.padding
        sizes = ((1, width, 2), (width, 2 * width, 1), (2 * width, 2 * width, 1))
        blocks: list[nn.Module] = [
            ConvBlock(before, after, 3, stride=stride, norm="instance", padding=fill)
            for before, after, stride in (*sizes, (2 * width, 4 * width, 2))
        ]
        blocks.append(
            ResidualBlocks(settings.structure_blocks, 4 * width, norm="instance", padding=fill)
        )
        blocks.append(Aspp(4 * width, settings.decoder_width, settings.structure_dilations, fill))
        self.model = nn.Sequential(*blocks)

    def forward(self, projections: Tensor) -> Tensor:
        return self.model(projections)
