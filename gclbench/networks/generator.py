"""G with its E_str and AdaIN MLPs: identity features painted onto a structure map."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from gclbench.errors import ShapeError
from gclbench.networks.initialise import initialise
from gclbench.networks.layers import ConvBlock, Mlp, ResidualBlocks, Style, UpsampleConv
from gclbench.networks.str_encoder import StructureEncoder
from gclbench.registry import REGISTRY, register
from gclbench.schema.fit import check_slices
from gclbench.schema.settings import GeneratorSettings


class Decoder(nn.Module):
    """(B, D, h, w) -> (B, 3, 4h, 4w): AdaIN residual blocks, two LN up-samplings, three convs.

    The number of a block is its place in the public code, where 0 is a dropout of p = 0 and 2 and
    4 are the up-samplings.
    """

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        width, fill = settings.decoder_width, settings.padding
        half, quarter = width // 2, width // 4
        self.model = nn.ModuleDict(
            {
                "1": ResidualBlocks(settings.decoder_blocks, width, norm="adaptive", padding=fill),
                "3": UpsampleConv(width, half, norm="layer", padding=fill),
                "5": UpsampleConv(half, quarter, norm="layer", padding=fill),
                "6": ConvBlock(quarter, quarter, 3, padding=fill),
                "7": ConvBlock(quarter, quarter, 3, padding=fill),
                "8": ConvBlock(quarter, 3, 1, activate=False, padding=fill),
            }
        )

    def forward(self, structure: Tensor, styles: list[tuple[Style, Style]]) -> Tensor:
        maps = self.model["1"](structure, styles)
        for name in ("3", "5", "6", "7", "8"):
            maps = self.model[name](maps)
        return maps


@register("networks", "generator", revision=1)
class Generator(nn.Module):
    """E_str + MLPs + G. `structure(s)` and `decode(f_id, f_str)`; `forward` is both in turn.

    Source    GCL+ section 3.2; AdaIN parameters as in the public code (D-05, D-07).
    Shapes    s (B, 1, H, W) -> f_str (B, decoder_width, H / 4, W / 4); f_id (B, C, P, 1) and f_str
              -> image (B, 3, H, W), ImageNet-normalised, unbounded (clamp for display only).
    Slicing   `code`: f_id is flattened channel-major and cut into decoder_blocks equal chunks, one
              for each block's MLPs, which loads the public checkpoints; `stripe`: block r reads
              stripe r, as the text reads. With fewer blocks than stripes each block reads its
              share of neighbouring stripes, top to bottom.
    Gradient  reaches f_id, f_str and every weight.
    Raises    UsageError when the slices do not come out even, ShapeError naming a wrong axis.
    Weights   from `generator` when given, else zero until a checkpoint fills them.
    """

    def __init__(
        self,
        settings: GeneratorSettings,
        id_channels: int,
        parts: int,
        *,
        slicing: Literal["code", "stripe"] = "code",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        blocks, total = settings.decoder_blocks, id_channels * parts
        check_slices(id_channels, parts, blocks, slicing)
        self.id_channels, self.parts, self.blocks = id_channels, parts, blocks
        self.slicing, self.width = slicing, settings.decoder_width
        self.enc_content: StructureEncoder = REGISTRY.bound(settings.structure)(settings)
        self.dec = Decoder(settings)
        for index in range(1, blocks + 1):
            for kind in ("w", "b"):
                mlp = Mlp(total // blocks, settings.mlp_width, 2 * settings.decoder_width)
                self.add_module(f"mlp_{kind}{index}", mlp)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if generator is not None:
            initialise(self, "kaiming", generator)

    def structure(self, projections: Tensor) -> Tensor:
        """Return f_str (B, decoder_width, H / 4, W / 4) of projections (B, 1, H, W)."""
        shape = tuple(projections.shape)
        if len(shape) != 4 or shape[1] != 1 or shape[2] % 4 or shape[3] % 4:
            raise ShapeError(
                f"projections have shape {shape}, expected (B, 1, H, W), H and W multiples of 4."
            )
        return self.enc_content(projections)

    def styles(self, identity: Tensor) -> list[tuple[Style, Style]]:
        """Return scale and shift (B, decoder_width) of both AdaINs of each residual block."""
        if identity.shape[1:] != (self.id_channels, self.parts, 1):
            raise ShapeError(
                f"identity features have shape {tuple(identity.shape)}, expected "
                f"(B, {self.id_channels}, {self.parts}, 1)."
            )
        if self.slicing == "code":
            slices = identity.reshape(len(identity), self.blocks, -1).unbind(1)
        else:
            stripes = identity[..., 0].transpose(1, 2)
            slices = stripes.reshape(len(identity), self.blocks, -1).unbind(1)
        styles = []
        for index, part in enumerate(slices, start=1):
            scales = self.get_submodule(f"mlp_w{index}")(part).split(self.width, 1)
            shifts = self.get_submodule(f"mlp_b{index}")(part).split(self.width, 1)
            styles.append(((scales[0], shifts[0]), (scales[1], shifts[1])))
        return styles

    def decode(self, identity: Tensor, structure: Tensor) -> Tensor:
        """Return images (B, 3, H, W) with the look of `identity` and the pose of `structure`."""
        return self.dec(structure, self.styles(identity))

    def forward(self, identity: Tensor, projections: Tensor) -> Tensor:
        return self.decode(identity, self.structure(projections))
