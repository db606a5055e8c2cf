from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.networks.initialise import initialise
from gclbench.networks.layers import ConvBlock, Mlp, ResidualBlock, UpsampleConv


def _maps(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [(4, 3), (1, 1), (6, 5)])
def test_phased_upsampling_equals_a_convolution_over_doubled_pixels(size: tuple[int, int]) -> None:
    block = UpsampleConv(3, 4, norm="none", padding="zeros").double()
    with torch.no_grad():
        block.conv.weight.copy_(_maps(4, 3, 5, 5, seed=1))
        block.conv.bias.copy_(_maps(4, seed=2))
    images = _maps(2, 3, *size).requires_grad_()
    twin = images.detach().clone().requires_grad_()
    doubled = F.interpolate(twin, scale_factor=2, mode="nearest")
    plain = F.leaky_relu(F.conv2d(doubled, block.conv.weight, block.conv.bias, padding=2), 0.2)
    out = block(images)
    torch.testing.assert_close(out, plain, rtol=1e-12, atol=1e-12)

    pull = _maps(*out.shape, seed=5)
    weight = block.conv.weight
    mine = torch.autograd.grad(out, (images, weight), pull)
    theirs = torch.autograd.grad(plain, (twin, weight), pull)
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def test_reflecting_upsampling_pads_the_doubled_image() -> None:
    block = UpsampleConv(2, 3, norm="none", padding="reflect").double()
    with torch.no_grad():
        block.conv.weight.copy_(_maps(3, 2, 5, 5, seed=1))
    images = _maps(1, 2, 3, 4)
    doubled = F.pad(images.repeat_interleave(2, 2).repeat_interleave(2, 3), (2,) * 4, "reflect")
    plain = F.leaky_relu(F.conv2d(doubled, block.conv.weight), 0.2)
    torch.testing.assert_close(block(images), plain)


@pytest.mark.parametrize("padding", ["reflect", "zeros"])
def test_a_dilated_block_keeps_the_size_of_the_map(padding: str) -> None:
    block = ConvBlock(2, 3, 3, dilation=2, padding=padding)
    assert block(torch.zeros(1, 2, 7, 5)).shape == (1, 3, 7, 5)


def test_reflecting_and_zero_padding_differ_at_the_border_only() -> None:
    blocks = [ConvBlock(1, 1, 3, padding=fill, activate=False) for fill in ("reflect", "zeros")]
    for block in blocks:
        torch.nn.init.ones_(block.conv.weight)
    images = _maps(1, 1, 5, 5).float()
    first, second = (block(images) for block in blocks)
    assert torch.allclose(first[..., 1:-1, 1:-1], second[..., 1:-1, 1:-1], atol=1e-6)
    assert not torch.allclose(first[..., 0, :], second[..., 0, :])


def test_a_residual_block_with_zero_weights_returns_its_input() -> None:
    images = _maps(2, 4, 5, 3).float()
    assert torch.equal(ResidualBlock(4, norm="none", padding="reflect")(images), images)


def test_residual_styles_go_to_the_first_and_the_second_norm_in_order() -> None:
    block = ResidualBlock(2, norm="adaptive", padding="zeros").double()
    initialise(block, "kaiming", torch.Generator().manual_seed(0))
    images, ones = _maps(1, 2, 4, 4), torch.ones(1, 2).double()
    quiet = (torch.zeros(1, 2).double(), 3 * ones)
    out = block(images, ((ones, ones), quiet))
    torch.testing.assert_close(out, images + 3)


def test_mlp_equals_three_affine_maps_with_leaky_relu_between() -> None:
    mlp = Mlp(3, 4, 2)
    initialise(mlp, "kaiming", torch.Generator().manual_seed(1))
    vectors = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
    expected = vectors
    for index, layer in enumerate(mlp.model):
        expected = expected @ layer["fc"].weight.T + layer["fc"].bias
        if index < 2:
            expected = torch.where(expected > 0, expected, 0.2 * expected)
    torch.testing.assert_close(mlp(vectors), expected)
