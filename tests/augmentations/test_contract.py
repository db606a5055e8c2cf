"""Every shipped augmentation passes the contract suite."""

from __future__ import annotations

import pytest

from gclbench.augmentations.d_mixup import DMixup
from gclbench.augmentations.f_mixup import FMixup
from gclbench.augmentations.mixup import Mixup
from gclbench.augmentations.multi import Multi
from gclbench.augmentations.none import NoAugmentation
from gclbench.augmentations.oracle_rotation import OracleRotation
from gclbench.augmentations.rotation import Rotation
from gclbench.registry import REGISTRY
from gclbench.testing.augmentations import AugmentationContract

ROOM = {
    "d_mixup": ("mix", "identity", False),
    "f_mixup": ("mix", "embedding", False),
    "mixup": ("mix", "image", False),
    "multi": ("view", "image", False),
    "none": ("view", "image", True),
    "oracle_rotation": ("view", "oracle", True),
    "rotation": ("view", "structure", False),
}


class TestDrawing(AugmentationContract):
    @pytest.fixture(params=[DMixup, FMixup, Mixup, Multi, OracleRotation, Rotation])
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
