"""What every augmentation promises. A user's component joins with one fixture:

class TestMine(AugmentationContract):
    @pytest.fixture
    def augmentation(self):
        return Mine()
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, cast

import torch
from torch import Tensor

BATCH, HEIGHT_PX, WIDTH_PX = 6, 64, 32
_SHAPES = {
    "image": (BATCH, 3, HEIGHT_PX, WIDTH_PX),
    "structure": (BATCH, 8, HEIGHT_PX, WIDTH_PX),
    "oracle": (BATCH, 8, 3, HEIGHT_PX, WIDTH_PX),
    "identity": (BATCH, 16, 4, 1),
    "embedding": (BATCH, 24),
}
_SPACES = {"view": {"image", "structure", "oracle"}, "mix": {"image", "identity", "embedding"}}


def example_input(augmentation: Any, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return a batch of the augmentation's space, every value different in every row."""
    shape = _SHAPES[augmentation.space]
    if getattr(augmentation, "guide", "mesh") == "gray":
        shape = (BATCH, 1, *shape[2:])
    return torch.randn(shape, generator=torch.Generator().manual_seed(20)).to(dtype)


def expected_shape(augmentation: Any) -> tuple[int, ...]:
    """Return the shape that `apply` must answer to `example_input`."""
    shape = _SHAPES[augmentation.space]
    if augmentation.space == "structure":
        return (BATCH, 1, *shape[2:])
    return (BATCH, *shape[2:]) if augmentation.space == "oracle" else shape


def sample(augmentation: Any, seed: int, batch_size: int = BATCH) -> Any:
    """Draw parameters; augmentations of images as views are told the size of the images."""
    rng = torch.Generator().manual_seed(seed)
    if (augmentation.role, augmentation.space) == ("view", "image"):
        return augmentation.sample(batch_size, rng, HEIGHT_PX, WIDTH_PX)
    return augmentation.sample(batch_size, rng)


def same_params(a: Any, b: Any) -> bool:
    """Compare two draws field by field."""
    pairs = [(getattr(a, field.name), getattr(b, field.name)) for field in fields(a)]
    return all(torch.equal(x, y) if isinstance(x, Tensor) else x == y for x, y in pairs)


class AugmentationContract:
    """Inherit, and give the fixture `augmentation`; `draws = False`: nothing is random."""

    draws = True

    def test_it_says_where_it_belongs(self, augmentation: Any) -> None:
        assert augmentation.space in _SPACES[augmentation.role]
        assert augmentation.control in (True, False)

    def test_it_is_a_frozen_dataclass_with_a_docstring(self, augmentation: Any) -> None:
        assert is_dataclass(augmentation)
        assert type(augmentation).__doc__
        assert cast(Any, type(augmentation)).__dataclass_params__.frozen

    def test_it_keeps_shape_dtype_and_device(self, augmentation: Any) -> None:
        for dtype in (torch.float32, torch.float64):
            x = example_input(augmentation, dtype)
            y = augmentation.apply(x, sample(augmentation, 0))
            assert tuple(y.shape) == expected_shape(augmentation)
            assert (y.dtype, y.device) == (x.dtype, x.device)
            assert torch.isfinite(y).all()

    def test_it_leaves_its_input_alone(self, augmentation: Any) -> None:
        x = example_input(augmentation)
        before = x.clone()
        for seed in range(4):
            augmentation.apply(x, sample(augmentation, seed))
        assert torch.equal(x, before)

    def test_apply_repeats_one_draw(self, augmentation: Any) -> None:
        x, params = example_input(augmentation), sample(augmentation, 1)
        assert torch.equal(augmentation.apply(x, params), augmentation.apply(x, params))

    def test_pick_names_what_apply_takes(self, augmentation: Any) -> None:
        if not hasattr(augmentation, "pick"):
            return  # an option of those that only choose among projections
        x, params = example_input(augmentation), sample(augmentation, 7)
        rows, views = augmentation.pick(params)
        assert torch.equal(augmentation.apply(x, params)[:, 0], x[rows, views])

    def test_one_generator_state_gives_one_draw(self, augmentation: Any) -> None:
        assert same_params(sample(augmentation, 2), sample(augmentation, 2))

    def test_another_generator_gives_another_draw(self, augmentation: Any) -> None:
        one, other = sample(augmentation, 3), sample(augmentation, 4)
        assert same_params(one, other) != self.draws

    def test_the_global_generator_is_not_touched(self, augmentation: Any) -> None:
        before = torch.get_rng_state()
        augmentation.apply(example_input(augmentation), sample(augmentation, 5))
        assert torch.equal(torch.get_rng_state(), before)

    def test_a_batch_of_one_is_a_batch(self, augmentation: Any) -> None:
        x = example_input(augmentation)[:1]
        y = augmentation.apply(x, sample(augmentation, 6, batch_size=1))
        assert tuple(y.shape) == (1, *expected_shape(augmentation)[1:])
