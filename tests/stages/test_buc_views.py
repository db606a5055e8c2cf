from __future__ import annotations

import torch
import torch.nn.functional as F

from gclbench.stages.buc_views import CropAndFlip, CropParams

SIZE = (64, 32)


def pictures(count: int) -> torch.Tensor:
    return torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(3))


def test_the_whole_image_comes_back_and_a_flip_mirrors_it() -> None:
    images = pictures(2)
    whole = torch.tensor([[0, 0, *SIZE]] * 2)
    out = CropAndFlip().apply(images, CropParams(whole, torch.tensor([False, True])))
    torch.testing.assert_close(out[0], images[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(out[1], images[1].flip(2), atol=1e-5, rtol=0)


def test_a_crop_is_what_bilinear_scaling_makes_of_it_inside() -> None:
    images = pictures(1)
    out = CropAndFlip().apply(
        images, CropParams(torch.tensor([[7, 3, 50, 20]]), torch.tensor([False]))
    )
    expected = F.interpolate(images[:, :, 7:57, 3:23], SIZE, mode="bilinear", align_corners=False)
    torch.testing.assert_close(out[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], atol=1e-4, rtol=0)


def test_crops_keep_their_limits_and_repeat_under_one_generator() -> None:
    views = CropAndFlip()
    drawn = [views.sample(500, torch.Generator().manual_seed(s), *SIZE) for s in (1, 1, 2)]
    top, left, tall, wide = drawn[0].box.double().unbind(dim=1)
    assert bool(((top >= 0) & (left >= 0) & (top + tall <= 64) & (left + wide <= 32)).all())
    area, aspect = tall * wide / (64 * 32), tall / wide
    assert 0.6 < float(area.min()) < 0.7
    assert float(area.max()) > 0.9
    assert 1.9 < float(aspect.min()) < 2.1
    assert float(aspect.max()) > 2.7
    assert 0.4 < float(drawn[0].flip.float().mean()) < 0.6
    assert torch.equal(drawn[0].box, drawn[1].box)
    assert not torch.equal(drawn[0].box, drawn[2].box)


def test_what_never_fits_is_the_whole_image() -> None:
    box = CropAndFlip(min_aspect=9.0, max_aspect=9.5).sample(4, torch.Generator(), *SIZE).box
    assert box.tolist() == [[0, 0, 64, 32]] * 4
