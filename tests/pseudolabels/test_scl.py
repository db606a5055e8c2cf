"""SCL's choice of positives and negatives, against plain loops."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from gclbench.errors import ShapeError, UsageError
from gclbench.pseudolabels.scl import Distances, draw, negatives_left, select


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_distances_equal_a_loop_over_pairs() -> None:
    bank, stripe_bank = normalize(drawn(7, 6)), normalize(drawn(7, 3, 2, seed=1), dim=2)
    features, stripes = normalize(drawn(2, 6, seed=2)), normalize(drawn(2, 3, 2, seed=3), dim=2)
    cams = torch.tensor([0, 1, 2, 0, 1, 2, 0])
    same = cams[[1, 3]][:, None] == cams[None]
    found = Distances(0.3, 0.07)(features, stripes, bank, stripe_bank, same)
    for b, own in enumerate((1, 3)):
        for j in range(7):
            d = 0.3 * float((features[b] - bank[j]).square().sum())
            d += 0.7 * sum(
                float((stripes[b, s] - stripe_bank[j, s]).square().sum()) / 3 for s in range(3)
            )
            d += 0.07 * (cams[own] == cams[j]).item()
            assert found[b, j].item() == pytest.approx(d, abs=1e-5)


def test_the_camera_term_puts_a_neighbour_of_the_own_camera_back() -> None:
    bank = normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.12]]))
    same = torch.tensor([[True, True, False]])
    own = torch.tensor([0])
    orders = []
    for lambda_c in (0.0, 0.05):
        distances = Distances(1.0, lambda_c)(bank[:1], bank[:1, None], bank, bank[:, None], same)
        orders.append(select(distances, own, 1, 1).tolist())
    assert orders == [[[0, 1, 2]], [[0, 2, 1]]]


def test_memories_of_another_size_are_refused() -> None:
    batch = torch.zeros(2, 3), torch.zeros(2, 1, 3)
    memories = torch.zeros(4, 2), torch.zeros(4, 1, 3)
    with pytest.raises(ShapeError, match="memories"):
        Distances(0.5, 0)(*batch, *memories, torch.zeros(2, 4))


def test_candidates_are_self_then_the_others_by_distance() -> None:
    distances = drawn(4, 30).abs()
    own = torch.tensor([5, 0, 29, 7])
    found = select(distances, own, 3, 8)
    for row, i in enumerate(own.tolist()):
        others = sorted((float(d), j) for j, d in enumerate(distances[row]) if j != i)
        assert found[row].tolist() == [i, *[j for _, j in others[:11]]]


def test_equal_distances_go_by_row_number() -> None:
    assert select(torch.ones(1, 6), torch.tensor([2]), 2, 3).tolist() == [[2, 0, 1, 3, 4, 5]]
    assert select(torch.zeros(1, 4), torch.tensor([3]), 1, 2).tolist() == [[3, 0, 1, 2]]


def test_self_is_first_though_another_row_is_nearer() -> None:
    found = select(torch.tensor([[0.0, 3.0, 1.0]]), torch.tensor([1]), 1, 1)
    assert found.tolist() == [[1, 0, 2]]


def test_negatives_are_as_many_as_there_are() -> None:
    assert select(drawn(2, 10).abs(), torch.tensor([0, 1]), 3, 500).shape == (2, 10)
    assert negatives_left(10, 3, 500) == 6
    assert negatives_left(1000, 7, 500) == 500
    with pytest.raises(UsageError, match=r"warmup\.scl\.positives"):
        negatives_left(8, 7, 500)


def test_drawn_negatives_are_distinct_others_of_one_permutation() -> None:
    own = torch.arange(12)
    found = draw(own, 12, 5, torch.Generator().manual_seed(0))
    assert found.shape == (12, 6)
    assert found[:, 0].tolist() == own.tolist()
    assert all(len(set(row)) == 6 for row in found.tolist())
    # Six rows of the permutation serve all: the five, and the one that stands in for an anchor.
    assert len(found[:, 1:].unique()) == 6
    again = draw(own, 12, 5, torch.Generator().manual_seed(0))
    assert torch.equal(found, again)
    assert not torch.equal(found, draw(own, 12, 5, torch.Generator().manual_seed(1)))


def test_all_others_can_be_drawn() -> None:
    found = draw(torch.tensor([0, 3]), 4, 500, torch.Generator().manual_seed(0))
    assert [sorted(row) for row in found.tolist()] == [[0, 1, 2, 3]] * 2
