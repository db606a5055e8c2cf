from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gclbench.errors import ShapeError
from gclbench.networks import Discriminator
from gclbench.schema.settings import DiscriminatorSettings

SMALL = DiscriminatorSettings(scales=2, width=4, blocks=1)


def _images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def _discriminator(padding: str = "reflect") -> Discriminator:
    return Discriminator(SMALL, padding=padding, generator=torch.Generator().manual_seed(0))


def test_paper_size_has_the_published_parameter_count_and_names() -> None:
    discriminator = Discriminator(DiscriminatorSettings())
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 1_025_571
    names = set(discriminator.state_dict())
    assert len(names) == 84
    assert {"cnns.0.0.conv.weight", "cnns.2.8.model.1.conv.bias", "cnns.1.9.bias"} <= names


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
def test_logit_maps_halve_from_scale_to_scale(padding: str) -> None:
    maps = _discriminator(padding)(_images(2, 3, 64, 32))
    assert [tuple(logits.shape) for logits in maps] == [(2, 1, 16, 8), (2, 1, 8, 4)]


def test_second_scale_averages_without_counting_the_padding() -> None:
    discriminator = _discriminator()
    ones = torch.ones(1, 3, 64, 32)
    expected = discriminator.cnns[1](torch.ones(1, 3, 32, 16))
    # Logits of fresh weights are near 1e-8: an absolute tolerance would see nothing.
    torch.testing.assert_close(discriminator(ones)[1], expected, rtol=1e-4, atol=0)


def test_r1_gradient_is_twice_differentiable() -> None:
    discriminator = _discriminator("zeros")
    images = _images(2, 3, 32, 16).requires_grad_()
    total = sum(logits.sum() for logits in discriminator(images))
    (slope,) = torch.autograd.grad(total, images, create_graph=True)
    slope.square().sum().backward()
    weight = discriminator.cnns[0][1].conv.weight
    assert weight.grad is not None
    assert weight.grad.abs().sum() > 0


def test_gray_images_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(B, 3, H, W\)"):
        _discriminator()(torch.zeros(1, 1, 64, 32))
