"""The augmentation keeps its contract, and its arithmetic is right on chosen parameters."""

from __future__ import annotations

import pytest
import torch
from own_study.patch_gray import PatchGray, PatchParams

from gclbench.errors import GclbenchError
from gclbench.testing.augmentations import AugmentationContract

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class TestPatchGray(AugmentationContract):
    """All that gclbench asks of an augmentation comes with this class."""

    @pytest.fixture
    def augmentation(self) -> PatchGray:
        return PatchGray()


def test_inside_the_box_every_channel_shows_the_luma_and_outside_nothing_changes() -> None:
    colours = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (MEAN, STD))
    params = PatchParams(torch.tensor([[1, 2, 2, 3]]))
    out = PatchGray().apply((colours - mean) / std, params) * std + mean
    for y in range(4):
        for x in range(5):
            red, green, blue = colours[0, :, y, x].tolist()
            luma = 0.299 * red + 0.587 * green + 0.114 * blue
            gray = y in (1, 2) and x in (2, 3, 4)
            expected = [luma] * 3 if gray else [red, green, blue]
            assert out[0, :, y, x].tolist() == pytest.approx(expected, abs=1e-7)


def test_a_gray_image_stays_as_it_is() -> None:
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (MEAN, STD))
    images = (torch.full((2, 3, 8, 4), 0.3, dtype=torch.float64) - mean) / std
    whole = PatchParams(torch.tensor([[0, 0, 8, 4], [0, 0, 0, 0]]))
    assert torch.allclose(PatchGray().apply(images, whole), images)


def test_boxes_lie_inside_and_cover_the_asked_share() -> None:
    params = PatchGray(probability=1.0).sample(500, torch.Generator().manual_seed(1), 64, 32)
    top, left, tall, wide = params.box.unbind(1)
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + tall <= 64).all()
    assert (left + wide <= 32).all()
    share = (tall * wide) / (64 * 32)
    assert share.min() > 0.08
    assert share.max() < 0.52


@pytest.mark.parametrize("probability, drawn", [(0.0, 0), (1.0, 200)])
def test_the_probability_says_how_many_rows_get_a_patch(probability: float, drawn: int) -> None:
    rng = torch.Generator().manual_seed(2)
    box = PatchGray(probability=probability).sample(200, rng, 64, 32).box
    assert int((box[:, 2] > 0).sum()) == drawn


@pytest.mark.parametrize("limits", [{"probability": 1.5}, {"min_area": 0.0}, {"min_aspect": 9.0}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(GclbenchError):
        PatchGray(**limits)


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(GclbenchError, match=r"\(3, 1, 8, 4\), expected \(2, 3, H, W\)"):
        PatchGray().apply(torch.zeros(3, 1, 8, 4), PatchParams(torch.zeros(2, 4).long()))
