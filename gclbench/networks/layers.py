"""The bricks of E_str, G and D: convolution blocks, residual blocks, up-sampling, MLP.

Conventions of every block (GCL+ code): pad, convolve with bias, normalise, leaky ReLU of 0.2.
`padding` says how borders are filled: `reflect` (the paper) or `zeros` (small images, faster).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gclbench.errors import ShapeError
from gclbench.networks.norms import adaptive_instance_norm, instance_norm, layer_norm

Padding = Literal["reflect", "zeros"]
Norm = Literal["none", "instance", "layer", "adaptive"]
SLOPE = 0.2
Style = tuple[Tensor, Tensor]  # scale (B, C) and shift (B, C) of one AdaIN


class Convolution(nn.Conv2d):
    """`nn.Conv2d` that starts at zero: weights come from `initialise` or a checkpoint."""

    def reset_parameters(self) -> None:
        _zero(self.weight, self.bias)


class Dense(nn.Linear):
    """`nn.Linear` that starts at zero: weights come from `initialise` or a checkpoint."""

    def reset_parameters(self) -> None:
        _zero(self.weight, self.bias)


class LayerNorm(nn.Module):
    """Per-sample normalisation with per-channel affine; see `layer_norm`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, images: Tensor) -> Tensor:
        return layer_norm(images, self.gamma, self.beta)


class ConvBlock(nn.Module):
    """Pad, convolve, normalise, activate. (B, I, H, W) -> (B, O, H / stride, W / stride)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        norm: Norm = "none",
        activate: bool = True,
        padding: Padding = "reflect",
    ) -> None:
        super().__init__()
        self.border = dilation * (kernel // 2)
        self.reflect = padding == "reflect" and self.border > 0
        self.norm_kind, self.activate = norm, activate
        self.conv = Convolution(
            inputs,
            outputs,
            kernel,
            stride=stride,
            dilation=dilation,
            padding=0 if self.reflect else self.border,
        )
        if norm == "layer":
            self.norm = LayerNorm(outputs)

    def forward(self, images: Tensor, style: Style | None = None) -> Tensor:
        return self._finish(self._convolve(images), style)

    def _convolve(self, images: Tensor) -> Tensor:
        if self.reflect:
            images = self._reflect(images)
        return self.conv(images)

    def _reflect(self, images: Tensor) -> Tensor:
        if self.border >= min(images.shape[2:]):
            raise ShapeError(
                f"a map of {images.shape[2]}x{images.shape[3]} is too small to reflect "
                f"{self.border} pixels; use zero padding or smaller dilations "
                "(network.generator.padding, structure_dilations)."
            )
        return F.pad(images, (self.border,) * 4, mode="reflect")

    def _finish(self, images: Tensor, style: Style | None) -> Tensor:
        if self.norm_kind == "instance":
            images = instance_norm(images)
        elif self.norm_kind == "layer":
            images = self.norm(images)
        elif style is not None:
            images = adaptive_instance_norm(images, *style)
        if not self.activate:
            return images
        # instance_norm keeps its own output for the backward pass, so that one is not overwritten.
        return F.leaky_relu(images, SLOPE, inplace=self.norm_kind != "instance")


class UpsampleConv(ConvBlock):
    """Nearest up-sampling by 2, then the block: (B, I, H, W) -> (B, O, 2H, 2W).

    With zero padding, a 5x5 kernel over doubled pixels is four 3x3 kernels over the small map, one
    for each output phase (equal up to rounding, at 9/25 of the work). Reflection does not respect
    the doubling at the border, so it takes the plain way.
    """

    def __init__(self, inputs: int, outputs: int, *, norm: Norm, padding: Padding) -> None:
        super().__init__(inputs, outputs, 5, norm=norm, padding=padding)
        self.phases: Tensor
        self.register_buffer("phases", _phase_matrix(), persistent=False)

    def _convolve(self, images: Tensor) -> Tensor:
        if self.reflect:
            return super()._convolve(F.interpolate(images, scale_factor=2, mode="nearest"))
        weight, bias = self.conv.weight, cast(Tensor, self.conv.bias)
        outputs, inputs = weight.shape[:2]
        kernels = weight.reshape(outputs, inputs, 25) @ self.phases.to(weight.dtype)
        kernels = kernels.view(outputs, inputs, 4, 9).transpose(1, 2)
        kernels = kernels.reshape(outputs * 4, inputs, 3, 3)
        kernels = kernels.contiguous(memory_format=torch.channels_last)
        maps = F.conv2d(images, kernels, None, padding=1)
        return F.pixel_shuffle(maps, 2) + bias[None, :, None, None]


class ResidualBlock(nn.Module):
    """Two 3x3 blocks (the second without activation) added to the input."""

    def __init__(self, channels: int, *, norm: Norm, padding: Padding) -> None:
        super().__init__()
        self.model = nn.ModuleList(
            ConvBlock(channels, channels, 3, norm=norm, activate=first, padding=padding)
            for first in (True, False)
        )

    def forward(self, images: Tensor, styles: tuple[Style, Style] | None = None) -> Tensor:
        first, second = styles if styles is not None else (None, None)
        return images + self.model[1](self.model[0](images, first), second)


class ResidualBlocks(nn.Module):
    """A chain of residual blocks; `styles` holds one pair of AdaIN styles for each."""

    def __init__(self, count: int, channels: int, *, norm: Norm, padding: Padding) -> None:
        super().__init__()
        self.model = nn.ModuleList(
            ResidualBlock(channels, norm=norm, padding=padding) for _ in range(count)
        )

    def forward(self, images: Tensor, styles: list[tuple[Style, Style]] | None = None) -> Tensor:
        for index, block in enumerate(self.model):
            images = block(images, None if styles is None else styles[index])
        return images


class Mlp(nn.Module):
    """inputs -> width -> width -> outputs with bias; leaky ReLU between, none after the last."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        sizes = (inputs, width, width, outputs)
        self.model = nn.ModuleList(
            nn.ModuleDict({"fc": Dense(before, after)}) for before, after in pairwise(sizes)
        )

    def forward(self, vectors: Tensor) -> Tensor:
        for index, layer in enumerate(self.model):
            vectors = cast(nn.ModuleDict, layer)["fc"](vectors)
            if index < len(self.model) - 1:
                vectors = F.leaky_relu(vectors, SLOPE, inplace=True)
        return vectors


def _zero(weight: Tensor, bias: Tensor | None) -> None:
    nn.init.zeros_(weight)
    if bias is not None:
        nn.init.zeros_(bias)


def _phase_matrix() -> Tensor:
    """(25, 36): 5x5 taps over doubled pixels -> 2x2 phases of 3x3 taps over the small map."""
    taps = torch.zeros(2, 5, 3)
    for phase in range(2):
        for tap in range(5):
            taps[phase, tap, (phase + tap - 2) // 2 + 1] = 1.0
    return torch.einsum("par,qbs->abpqrs", taps, taps).reshape(25, 36)
