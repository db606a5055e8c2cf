"""MMCL's crop, rotation and colour jitter, with chosen parameters and as drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from gclbench.augmentations.crop_rotate_jitter import CropRotateJitter, CropRotateJitterParams
from gclbench.errors import ShapeError, UsageError

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
AUGMENT = CropRotateJitter()


def pictures(count: int, height: int = 16, width: int = 8) -> Tensor:
    """Pixels in 0 ... 1."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def nothing(count: int, height: int = 16, width: int = 8) -> CropRotateJitterParams:
    return CropRotateJitterParams(
        box=torch.tensor([[0, 0, height, width]]).repeat(count, 1),
        angle_deg=torch.zeros(count),
        factors=torch.ones(count, 3),
        order=torch.tensor([[0, 1, 2]]).repeat(count, 1),
    )


def applied(pixels: Tensor, params: CropRotateJitterParams) -> Tensor:
    """Pixels in 0 ... 1 before and after."""
    return AUGMENT.apply((pixels - MEAN) / STD, params) * STD + MEAN


def test_parameters_that_change_nothing_return_the_input() -> None:
    pixels = pictures(3)
    assert torch.allclose(applied(pixels, nothing(3)), pixels, atol=1e-5)


def test_a_crop_fills_the_image() -> None:
    pixels = pictures(1)
    box = torch.tensor([[4, 2, 8, 4]])
    found = applied(pixels, replace(nothing(1), box=box))
    # Twice the size: each pixel lies a quarter of a source pixel from its centre.
    source = pixels[:, :, 4:12, 2:6]
    row = 0.75 * source[:, :, 3] + 0.25 * source[:, :, 2]
    expected = 0.75 * row[:, :, 1] + 0.25 * row[:, :, 0]
    assert torch.allclose(found[:, :, 6, 2], expected, atol=1e-5)


def test_a_positive_angle_turns_anticlockwise_and_leaves_black_corners() -> None:
    pixels = torch.zeros(1, 3, 17, 17)
    pixels[:, :, 8, 14] = 1.0  # to the right of the centre
    found = applied(pixels, replace(nothing(1, 17, 17), angle_deg=torch.tensor([90.0])))
    assert torch.nonzero(found[0, 0] > 0.5).tolist() == [[2, 8]]  # above the centre
    white = torch.ones(1, 3, 16, 8)
    tilted = applied(white, replace(nothing(1), angle_deg=torch.tensor([10.0])))
    assert tilted[0, :, 0, -1].tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert tilted[0, :, 8, 4].tolist() == pytest.approx([1, 1, 1])


def test_what_lies_beyond_the_crop_does_not_return_by_the_rotation() -> None:
    pixels = torch.ones(1, 3, 32, 16)
    params = replace(
        nothing(1, 32, 16), box=torch.tensor([[8, 4, 16, 8]]), angle_deg=torch.tensor([10.0])
    )
    assert applied(pixels, params)[0, :, 0, 0].abs().max() < 1e-6


@pytest.mark.parametrize("which, against", [(0, "black"), (1, "mean"), (2, "gray")])
def test_each_factor_blends_with_its_own_opposite(which: int, against: str) -> None:
    pixels, factors = pictures(2), torch.ones(2, 3)
    factors[:, which] = torch.tensor([0.8, 1.2])
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    gray = (pixels * luma).sum(dim=1, keepdim=True)
    other = {"black": 0 * gray, "mean": gray.mean((1, 2, 3), keepdim=True), "gray": gray}[against]
    factor = factors[:, which].view(2, 1, 1, 1)
    expected = (factor * pixels + (1 - factor) * other).clamp(0, 1)
    found = applied(pixels, replace(nothing(2), factors=factors))
    assert torch.allclose(found, expected, atol=1e-5)


def test_colours_are_changed_in_the_drawn_order() -> None:
    factors = torch.tensor([[1.2, 1.2, 1.0]]).repeat(2, 1)
    order = torch.tensor([[0, 1, 2], [1, 0, 2]])
    pixels = pictures(1).repeat(2, 1, 1, 1)
    found = applied(pixels, replace(nothing(2), factors=factors, order=order))
    luma = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)

    def contrast(image: Tensor) -> Tensor:
        return (1.2 * image - 0.2 * (image * luma).sum(0).mean()).clamp(0, 1)

    def brightness(image: Tensor) -> Tensor:
        return (1.2 * image).clamp(0, 1)

    assert torch.allclose(found[0], contrast(brightness(pixels[0])), atol=1e-5)
    assert torch.allclose(found[1], brightness(contrast(pixels[1])), atol=1e-5)
    assert not torch.allclose(found[0], found[1], atol=1e-3)


@pytest.mark.parametrize("height, width", [(256, 128), (64, 32)])
def test_draws_lie_within_their_limits_and_crops_within_the_image(height: int, width: int) -> None:
    params = AUGMENT.sample(400, torch.Generator().manual_seed(1), height, width)
    top, left, tall, wide = params.box.unbind(dim=1)
    assert bool((top >= 0).all() and (left >= 0).all())
    assert bool((top + tall <= height).all() and (left + wide <= width).all())
    share = tall * wide / (height * width)
    assert share.min() > 0.6
    cropped = params.box[tall < height]
    assert len(cropped) > 100
    # Pixels are whole, which moves small shapes a little.
    aspect = cropped[:, 2] / cropped[:, 3]
    assert aspect.min() > 1.9
    assert aspect.max() < 3.2
    assert 9 < params.angle_deg.max() <= 10
    assert -10 <= params.angle_deg.min() < -9
    assert 0.8 <= params.factors.min() < 0.81
    assert 1.19 < params.factors.max() <= 1.2
    assert len(params.order.unique(dim=0)) == 6
    assert bool((params.order.sort(dim=1).values == torch.arange(3)).all())


def test_a_shape_that_never_fits_leaves_the_whole_image() -> None:
    tall_only = CropRotateJitter(min_aspect=9.0, max_aspect=9.0)
    box = tall_only.sample(5, torch.Generator().manual_seed(0), 64, 64).box
    assert box.tolist() == [[0, 0, 64, 64]] * 5


def test_the_same_generator_repeats_another_differs_and_the_input_stays() -> None:
    images = (pictures(4) - MEAN) / STD
    kept = images.clone()
    one, same, other = (
        AUGMENT.apply(images, AUGMENT.sample(4, torch.Generator().manual_seed(s), 16, 8))
        for s in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(images, kept)
    assert one.shape == images.shape


def test_wrong_input_is_an_error() -> None:
    with pytest.raises(ShapeError, match="images"):
        AUGMENT.apply(torch.zeros(2, 3, 16, 8), nothing(3))
    with pytest.raises(UsageError, match="min_area"):
        CropRotateJitter(min_area=0.9, max_area=0.8)
    with pytest.raises(UsageError, match="aspect"):
        CropRotateJitter(min_aspect=3.0, max_aspect=2.0)
    with pytest.raises(UsageError, match="jitter"):
        CropRotateJitter(jitter=-0.1)
