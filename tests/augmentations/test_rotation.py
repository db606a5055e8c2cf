from __future__ import annotations

import pytest
import torch

from gclbench.augmentations.base import AngleParams
from gclbench.augmentations.none import NoAugmentation, NoParams
from gclbench.augmentations.oracle_rotation import OracleRotation
from gclbench.augmentations.rotation import Rotation
from gclbench.errors import ShapeError, UsageError


def test_each_row_gets_the_projection_of_its_own_angle():
    projections = torch.arange(3 * 8, dtype=torch.float32).view(3, 8, 1, 1).expand(3, 8, 4, 2)
    out = Rotation().apply(projections, AngleParams(torch.tensor([1, 7, 4])))
    assert out.shape == (3, 1, 4, 2)
    assert out[:, 0, 0, 0].tolist() == [1, 15, 20]


def test_each_row_gets_the_render_of_its_own_angle():
    views = torch.arange(2 * 8 * 3, dtype=torch.float32).view(2, 8, 3, 1, 1).expand(2, 8, 3, 4, 2)
    out = OracleRotation().apply(views, AngleParams(torch.tensor([2, 5])))
    assert torch.equal(out, torch.stack([views[0, 2], views[1, 5]]))


@pytest.mark.parametrize("angles", [7, 6])
def test_all_turned_views_are_drawn_equally_often_and_the_own_view_never(angles):
    index = Rotation(angles).sample(7000, torch.Generator().manual_seed(0)).index
    counts = torch.bincount(index, minlength=8)
    assert counts[0] == 0
    assert (counts[angles + 1 :] == 0).all()
    assert ((counts[1 : angles + 1] / 7000 - 1 / angles).abs() < 0.02).all()


def test_the_control_turns_as_rotation_does():
    a = Rotation().sample(9, torch.Generator().manual_seed(1)).index
    b = OracleRotation().sample(9, torch.Generator().manual_seed(1)).index
    assert torch.equal(a, b)


def test_none_returns_the_image_itself():
    images = torch.randn(2, 3, 4, 2, generator=torch.Generator().manual_seed(2))
    assert torch.equal(NoAugmentation().apply(images, NoParams()), images)


def test_wrong_input_is_an_error():
    chosen = AngleParams(torch.tensor([1, 2]))
    with pytest.raises(ShapeError, match="projections"):
        Rotation().apply(torch.zeros(2, 8, 4), chosen)
    with pytest.raises(ShapeError, match="views"):
        Rotation().apply(torch.zeros(2, 7, 4, 2), chosen)
    with pytest.raises(ShapeError, match="oracle"):
        OracleRotation().apply(torch.zeros(2, 8, 4, 2), chosen)
    with pytest.raises(UsageError, match="angles"):
        Rotation(8)
