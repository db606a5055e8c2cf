"""Every shipped augmentation passes the contract suite."""

from __future__ import annotations

import pytest
import torch

from gclbench.augmentations.base import PartnerParams
from gclbench.augmentations.d_mixup import DMixup
from gclbench.augmentations.f_mixup import FMixup
from gclbench.augmentations.gray_switch import GraySwitch
from gclbench.augmentations.mesh_switch import MeshSwitch
from gclbench.augmentations.mixup import Mixup
from gclbench.augmentations.multi import Multi
from gclbench.augmentations.none import NoAugmentation
from gclbench.augmentations.oracle_rotation import OracleRotation
from gclbench.augmentations.rotation import Rotation
from gclbench.errors import ShapeError
from gclbench.registry import REGISTRY
from gclbench.testing.augmentations import AugmentationContract

ROOM = {
    "d_mixup": ("mix", "identity", False),
    "f_mixup": ("mix", "embedding", False),
    "gray_switch": ("view", "structure", False),
    "mesh_switch": ("view", "structure", False),
    "mixup": ("mix", "image", False),
    "multi": ("view", "image", False),
    "none": ("view", "image", True),
    "oracle_rotation": ("view", "oracle", True),
    "rotation": ("view", "structure", False),
}


DRAWING = (DMixup, FMixup, GraySwitch, MeshSwitch, Mixup, Multi, OracleRotation, Rotation)


class TestDrawing(AugmentationContract):
    @pytest.fixture(params=DRAWING)
    def augmentation(self, request):
        return request.param()


class TestNone(AugmentationContract):
    draws = False

    @pytest.fixture
    def augmentation(self):
        return NoAugmentation()


@pytest.mark.parametrize("name", sorted(ROOM))
def test_the_registry_knows_each_by_name_role_and_space(name):
    component = REGISTRY.lookup("augmentations", name).component
    assert (component.role, component.space, component.control) == ROOM[name]


def test_no_shipped_augmentation_is_missing_here():
    modules = {entry.name: entry.module for entry in REGISTRY.entries("augmentations")}
    assert {name for name, module in modules.items() if module.startswith("gclbench.")} == set(
        ROOM
    )


class TestPartners:
    """`mesh_switch` and `gray_switch` take another row's structure, never the own one."""

    @pytest.mark.parametrize("switch", [MeshSwitch(), GraySwitch()])
    @pytest.mark.parametrize("batch", [2, 3, 16])
    def test_every_row_meets_another_and_is_met_once(self, switch, batch):
        for seed in range(20):
            partner = switch.sample(batch, torch.Generator().manual_seed(seed)).partner
            assert (partner != torch.arange(batch)).all()
            assert sorted(partner.tolist()) == list(range(batch))

    def test_row_b_is_the_own_view_of_its_partner(self):
        projections = torch.arange(3 * 8, dtype=torch.float32).view(3, 8, 1, 1)
        params = PartnerParams(torch.tensor([2, 0, 1]))
        assert MeshSwitch().apply(projections, params).flatten().tolist() == [16.0, 0.0, 8.0]
        gray = torch.tensor([5.0, 6.0, 7.0]).view(3, 1, 1, 1)
        assert GraySwitch().apply(gray, params).flatten().tolist() == [7.0, 5.0, 6.0]

    @pytest.mark.parametrize("switch", [MeshSwitch(), GraySwitch()])
    def test_wrong_shapes_are_refused(self, switch):
        params = PartnerParams(torch.tensor([1, 0]))
        with pytest.raises(ShapeError, match="not"):
            switch.apply(torch.zeros(2, 8, 4), params)
        with pytest.raises(ShapeError, match="3 structures for 2 partners"):
            switch.apply(torch.zeros(3, 1, 4, 4), params)
