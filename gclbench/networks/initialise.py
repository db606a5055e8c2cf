"""Initial weights from a passed generator; torch's global random state is never read or moved."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from gclbench.networks.layers import Convolution, Dense, LayerNorm

Kind = Literal["kaiming", "gaussian", "resnet"]


def initialise(module: nn.Module, kind: Kind, generator: torch.Generator) -> None:
    """Fill every parameter and buffer of `module` in place.

    `kaiming`: weights normal with variance 2 / fan_in (E_str, MLPs, G). `gaussian`: standard
    deviation 0.02 (D). `resnet`: variance 2 / fan_out (E_id). Biases 0, BatchNorm 1 and 0 with
    fresh running statistics, LN gamma uniform in [0, 1). Draws are made on the CPU in module
    order, so equal generators give equal weights on every device and in every memory format.
    """
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, Convolution | Dense):
                part.weight.copy_(_normal(part.weight, kind, generator))
                if part.bias is not None:
                    part.bias.zero_()
            elif isinstance(part, LayerNorm):
                part.gamma.copy_(torch.rand(part.gamma.shape, generator=generator))
                part.beta.zero_()
            elif isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                part.reset_parameters()


def _normal(weight: Tensor, kind: Kind, generator: torch.Generator) -> Tensor:
    area = weight[0, 0].numel()
    if kind == "gaussian":
        spread = 0.02
    else:
        fan = weight.shape[0 if kind == "resnet" else 1] * area
        spread = (2.0 / fan) ** 0.5
    return torch.randn(weight.shape, generator=generator) * spread
