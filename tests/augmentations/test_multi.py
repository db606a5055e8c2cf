from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from gclbench.augmentations.multi import Multi, MultiParameters, MultiParams
from gclbench.errors import ShapeError

IMAGES = torch.arange(2 * 3 * 6 * 4, dtype=torch.float64).view(2, 3, 6, 4)
BLACK = torch.tensor([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], dtype=torch.float64)


def params(flip=(False, False), pad=0, top=(0, 0), left=(0, 0), box=None):
    boxes = torch.zeros(2, 4, dtype=torch.int64) if box is None else torch.tensor(box)
    return MultiParams(torch.tensor(flip), pad, torch.tensor(top), torch.tensor(left), boxes)


def test_an_idle_draw_returns_the_input():
    centre = params(pad=2, top=(2, 2), left=(2, 2))
    assert torch.equal(Multi().apply(IMAGES, centre), IMAGES)


def test_flip_mirrors_left_and_right_of_the_chosen_rows():
    out = Multi().apply(IMAGES, params(flip=(True, False)))
    assert torch.equal(out[0, 1, 2], IMAGES[0, 1, 2].flip(0))
    assert torch.equal(out[1], IMAGES[1])


def test_crop_shifts_the_image_and_fills_with_black():
    out = Multi().apply(IMAGES, params(pad=2, top=(1, 3), left=(2, 0)))
    assert torch.equal(out[0, :, 1:], IMAGES[0, :, :5])
    assert torch.equal(out[0, :, 0], BLACK[:, None].expand(3, 4))
    assert torch.equal(out[1, :, :5, 2:], IMAGES[1, :, 1:, :2])
    assert torch.equal(out[1, :, :, 0], BLACK[:, None].expand(3, 6))


def test_erasing_fills_the_box_and_nothing_else():
    out = Multi().apply(IMAGES, params(box=[[1, 2, 3, 2], [0, 0, 0, 0]]))
    changed = torch.zeros(6, 4, dtype=torch.bool)
    changed[1:4, 2:4] = True
    assert torch.equal((out[0] != IMAGES[0]).any(dim=0), changed)
    assert out[0, :, 1, 2].tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert torch.equal(out[1], IMAGES[1])


def test_padding_scales_with_the_height():
    rng = torch.Generator().manual_seed(0)
    assert Multi().sample(1, rng, 256, 128).pad_px == 10
    assert Multi().sample(1, rng, 64, 32).pad_px == 2


def test_draws_have_the_stated_shares_and_ranges():
    drawn = Multi().sample(4000, torch.Generator().manual_seed(1), 256, 128)
    assert drawn.flip.float().mean() == pytest.approx(0.5, abs=0.03)
    for offset in (drawn.top, drawn.left):
        assert offset.min() == 0
        assert offset.max() == 20
    top, left, tall, wide = drawn.box[drawn.box[:, 2] > 0].T.double()
    assert len(tall) / 4000 == pytest.approx(0.5, abs=0.03)
    share, aspect = tall * wide / (256 * 128), tall / wide
    assert share.min() > 0.018
    assert 0.35 < share.max() < 0.41
    assert aspect.min() > 0.28
    assert 3 < aspect.max() < 3.5
    assert (top + tall <= 256).all()
    assert (left + wide <= 128).all()


def test_nothing_is_erased_or_flipped_at_probability_zero():
    calm = Multi(MultiParameters(flip_probability=0, erase_probability=0, pad_px=0))
    drawn = calm.sample(20, torch.Generator().manual_seed(2), 6, 4)
    assert not drawn.flip.any()
    assert not drawn.box.any()


def test_wrong_input_is_an_error():
    with pytest.raises(ShapeError, match="images"):
        Multi().apply(IMAGES[:, :1], params())


@pytest.mark.parametrize(
    "limits, word",
    [
        ({"flip_probability": 1.5}, "flip_probability"),
        ({"min_area": 0.5}, "min_area <= max_area"),
        ({"pad_px": -1}, "pad_px"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits, word):
    with pytest.raises(ValidationError, match=word):
        MultiParameters(**limits)
