"""The augmentation keeps its contract with other parameters too, and moves the right rows."""

from __future__ import annotations

import pytest
import torch
from own_study.stripe_shuffle import (
    StripeOrder,
    StripeShuffle,
    StripeShuffleParameters,
    source_rows,
)

from gclbench.errors import GclbenchError
from gclbench.registry import REGISTRY, Entry
from gclbench.testing.augmentations import AugmentationContract
from gclbench.testing.parameters import ParametersContract, made


class TestStripeShuffle(AugmentationContract):
    """As it is, and as settings may ask for it."""

    @pytest.fixture(params=[{}, {"probability": 1, "stripes": 7}], ids=["default", "seven"])
    def augmentation(self, request: pytest.FixtureRequest) -> StripeShuffle:
        return made("augmentations", "stripe_shuffle", **request.param)()


class TestParameters(ParametersContract):
    @pytest.fixture
    def entry(self) -> Entry:
        return REGISTRY.lookup("augmentations", "stripe_shuffle")


def test_stripes_move_as_a_whole_and_the_last_one_takes_what_is_left() -> None:
    # Seven rows in three stripes: 0-1, 2-4, 5-6.
    images = torch.arange(7.0).view(1, 1, 7, 1).expand(1, 3, 7, 2)
    out = StripeShuffle().apply(images, StripeOrder(torch.tensor([[2, 0, 1]])))
    assert out[0, 1, :, 1].tolist() == [5, 6, 0, 1, 2, 3, 4]


def test_each_row_of_the_batch_has_an_order_of_its_own() -> None:
    rows = source_rows(torch.tensor([[0, 1], [1, 0]]), 4)
    assert rows.tolist() == [[0, 1, 2, 3], [2, 3, 0, 1]]


@pytest.mark.parametrize("probability, share", [(0.0, 0.0), (0.3, 0.3), (1.0, 1.0)])
def test_the_probability_says_how_many_images_are_shuffled(
    probability: float, share: float
) -> None:
    # Of eight stripes one order in 40,320 is the one that was.
    mine = StripeShuffle(StripeShuffleParameters(probability=probability, stripes=8))
    order = mine.sample(4000, torch.Generator().manual_seed(2), 64, 32).order
    moved = (order != torch.arange(8)).any(dim=1)
    assert moved.float().mean().item() == pytest.approx(share, abs=0.03)
    assert torch.equal(order.sort(dim=1).values, torch.arange(8).expand(4000, 8))


def test_every_order_is_as_likely() -> None:
    mine = StripeShuffle(StripeShuffleParameters(probability=1, stripes=3))
    order = mine.sample(6000, torch.Generator().manual_seed(3), 64, 32).order
    counts = torch.unique(order, dim=0, return_counts=True)[1]
    assert len(counts) == 6
    assert (counts - 1000).abs().max() < 120


def test_the_same_rows_are_shuffled_whatever_the_others_do() -> None:
    few = StripeShuffle(StripeShuffleParameters(probability=0.2))
    many = StripeShuffle(StripeShuffleParameters(probability=0.9))
    one, other = (
        s.sample(50, torch.Generator().manual_seed(4), 64, 32).order for s in (few, many)
    )
    both = (one != torch.arange(4)).any(dim=1)
    assert both.any()
    assert torch.equal(one[both], other[both])


def test_images_that_do_not_fit_are_refused() -> None:
    order = StripeOrder(torch.arange(4).expand(2, 4))
    with pytest.raises(GclbenchError, match=r"\(3, 1, 8, 4\), expected \(2, 3, H, W\)"):
        StripeShuffle().apply(torch.zeros(3, 1, 8, 4), order)
    with pytest.raises(GclbenchError, match="3 rows cannot be cut into 4 stripes"):
        StripeShuffle().apply(torch.zeros(2, 3, 3, 4), order)
