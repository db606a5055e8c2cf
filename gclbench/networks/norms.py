"""Instance, adaptive instance and layer normalisation as one fused step with its own backward.

torch's Welford reduction is fifty times slower than `mean` on one CPU thread, and its norm kernels
copy channels-last maps; two plain means and one multiply-add cost next to nothing beside the
convolutions. Same formulas, float32 and float64, any device and memory format. First order only.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from gclbench.errors import ShapeError

EPSILON = 1e-5


def instance_norm(images: Tensor) -> Tensor:
    """(x - mean_hw) / sqrt(var_hw + 1e-5) per sample and channel, biased variance, no affine.

    Shapes    (B, C, H, W) -> same. Raises ShapeError for another number of axes.
    """
    _need_maps(images)
    return _Normalise.apply(images, None, None, False)  # type: ignore[no-any-return]


def adaptive_instance_norm(images: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """AdaIN: scale * instance_norm(x) + shift, the scale used directly (no + 1).

    Source    GCL+ (arXiv 2301.00725), section 3.2; eps 1e-5 and biased variance as in the code.
    Shapes    images (B, C, H, W), scale (B, C), shift (B, C) -> (B, C, H, W).
    Gradient  reaches all three.
    Raises    ShapeError naming the axis.
    """
    _need_maps(images)
    for name, value in (("scale", scale), ("shift", shift)):
        if value.shape != images.shape[:2]:
            raise ShapeError(
                f"{name} has shape {tuple(value.shape)}, the maps need {tuple(images.shape[:2])}."
            )
    return _Normalise.apply(  # type: ignore[no-any-return]
        images, scale[:, :, None, None], shift[:, :, None, None], False
    )


def layer_norm(images: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """gamma * (x - mean_chw) / (std_chw + 1e-5) + beta per sample, with the UNBIASED std.

    Shapes    images (B, C, H, W), gamma (C,), beta (C,) -> (B, C, H, W).
    Gradient  reaches all three; a constant sample gets gradient zero instead of NaN.
    Raises    ShapeError naming the axis.
    """
    _need_maps(images)
    for name, value in (("gamma", gamma), ("beta", beta)):
        if value.shape != images.shape[1:2]:
            raise ShapeError(
                f"{name} has shape {tuple(value.shape)}, the maps have {images.shape[1]} channels."
            )
    return _Normalise.apply(  # type: ignore[no-any-return]
        images, gamma[None, :, None, None], beta[None, :, None, None], True
    )


def _need_maps(images: Tensor) -> None:
    if images.dim() != 4:
        raise ShapeError(f"expected maps of shape (B, C, H, W), got {tuple(images.shape)}.")


class _Normalise(Function):
    """xhat = (x - mean) * inverse_spread, then scale * xhat + shift; see the functions above.

    `over_channels` False: statistics over H, W, spread sqrt(biased var + eps). True: over C, H, W,
    spread unbiased std + eps.
    """

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, scale: Tensor | None, shift: Tensor | None, over_channels: bool
    ) -> Tensor:
        axes = (1, 2, 3) if over_channels else (2, 3)
        centred = images - images.mean(axes, keepdim=True)
        count = images[0].numel() if over_channels else images[0, 0].numel()
        variance = (centred * centred).mean(axes, keepdim=True)
        if over_channels:
            spread = (variance * (count / max(count - 1, 1))).sqrt()
            inverse = 1 / (spread + EPSILON)
            # d(1 / (std + eps)) = -inverse^2 / ((count - 1) std) * sum(centred * d centred)
            pull = 1 / (max(count - 1, 1) * spread.clamp_min(1e-20) * inverse)
        else:
            inverse = (variance + EPSILON).rsqrt()
            pull = torch.full_like(inverse, 1 / count)
        unit = centred.mul_(inverse)
        ctx.save_for_backward(unit, inverse, pull, scale)
        ctx.over_channels, ctx.count = over_channels, count
        return unit if scale is None or shift is None else torch.addcmul(shift, unit, scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        unit, inverse, pull, scale = ctx.saved_tensors
        sums = gradient.sum((2, 3), keepdim=True)
        dots = (gradient * unit).sum((2, 3), keepdim=True)
        d_scale = d_shift = None
        if scale is not None:
            d_scale = dots.sum(0, keepdim=True) if ctx.over_channels else dots
            d_shift = sums.sum(0, keepdim=True) if ctx.over_channels else sums
            sums, dots = sums * scale, dots * scale
        if not ctx.needs_input_grad[0]:
            return None, d_scale, d_shift, None
        if ctx.over_channels:
            sums, dots = sums.sum(1, keepdim=True), dots.sum(1, keepdim=True)
        rest = torch.addcmul(sums * inverse / -ctx.count, unit, -dots * inverse * pull)
        slope = inverse if scale is None else inverse * scale
        return rest.addcmul_(gradient, slope), d_scale, d_shift, None
