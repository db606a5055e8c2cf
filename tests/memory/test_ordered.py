from __future__ import annotations

import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.memory.ordered import OrderedBank, hardest, means, occurrences

ROWS = torch.tensor([(1, 0), (0.8, 0.6), (0, 1)], dtype=torch.float64)


def test_a_row_that_comes_twice_is_changed_twice_in_the_order_of_the_batch():
    bank = OrderedBank(ROWS)
    bank.update(torch.tensor([0, 2, 0]), torch.tensor([(0, 1), (1, 0), (-1, 0)]).double(), 0.2)
    # (.2, .8) is normalised, then .2 of it and .8 of (-1, 0).
    first = torch.tensor([0.2, 0.8]).double() / (0.04 + 0.64) ** 0.5
    second = 0.2 * first + 0.8 * torch.tensor([-1.0, 0.0]).double()
    assert torch.allclose(bank.rows[0], second / second.norm())
    assert torch.allclose(bank.rows[2], torch.tensor([0.8, 0.2]).double() / 0.68**0.5)
    assert torch.equal(bank.rows[1], ROWS[1])


def test_the_order_of_the_batch_matters():
    features = torch.tensor([(0, 1), (-1, 0)]).double()
    one, other = OrderedBank(ROWS), OrderedBank(ROWS)
    one.update(torch.tensor([0, 0]), features, 0.2)
    other.update(torch.tensor([0, 0]), features.flip(0), 0.2)
    assert not torch.allclose(one.rows[0], other.rows[0])


def test_updates_equal_a_loop_over_the_batch():
    rng = torch.Generator().manual_seed(3)
    features = torch.nn.functional.normalize(torch.randn(40, 5, generator=rng).double(), dim=1)
    indices = torch.randint(0, 7, (40,), generator=rng)
    start = torch.nn.functional.normalize(torch.randn(7, 5, generator=rng).double(), dim=1)
    bank, rows = OrderedBank(start), start.clone()
    bank.update(indices, features, 0.3)
    for i, x in zip(indices.tolist(), features, strict=True):
        rows[i] = 0.3 * rows[i] + 0.7 * x
        rows[i] /= rows[i].norm()
    assert torch.allclose(bank.rows, rows)


def test_an_empty_bank_takes_the_first_feature_whole():
    bank = OrderedBank.empty(3, 2)
    assert not bank.rows.any()
    bank.update(torch.tensor([1]), torch.tensor([[3.0, 4.0]]), 0.9)
    assert torch.allclose(bank.rows, torch.tensor([(0, 0), (0.6, 0.8), (0, 0)]))


def test_momentum_one_keeps_and_zero_replaces():
    bank = OrderedBank(ROWS)
    bank.update(torch.tensor([0]), torch.tensor([[0.0, 1.0]]), 1.0)
    assert torch.allclose(bank.rows, ROWS)
    bank.update(torch.tensor([0]), torch.tensor([[0.0, 1.0]]), 0.0)
    assert torch.allclose(bank.rows[0], torch.tensor([0.0, 1.0]).double())


def test_nothing_in_nothing_changes():
    bank = OrderedBank(ROWS)
    bank.update(torch.empty(0, dtype=torch.int64), torch.empty(0, 2), 0.2)
    assert torch.equal(bank.rows, ROWS)


def test_occurrences_count_earlier_equals():
    assert occurrences(torch.tensor([4, 1, 4, 4, 1, 0])).tolist() == [0, 0, 1, 2, 1, 0]
    assert occurrences(torch.empty(0, dtype=torch.int64)).tolist() == []


def test_the_hardest_image_is_the_one_least_like_its_row():
    indices = torch.tensor([2, 0, 2, 0, 2])
    features = torch.tensor([(0.6, 0.8), (1, 0), (1, 0), (0.8, 0.6), (0, 1)]).double()
    numbers, chosen = hardest(indices, features, ROWS)
    assert numbers.tolist() == [0, 2]
    assert torch.equal(chosen, features[[3, 2]])


def test_equally_hard_images_give_the_first():
    features = torch.tensor([(0.6, 0.8), (0.6, -0.8)]).double()
    _, chosen = hardest(torch.tensor([0, 0]), features, ROWS)
    assert torch.equal(chosen, features[:1])


def test_means_are_of_length_one_by_ascending_row():
    numbers, mean = means(torch.tensor([2, 0, 2]), torch.tensor([(1.0, 0), (0, 1), (0, 1)]))
    assert numbers.tolist() == [0, 2]
    assert torch.allclose(mean, torch.tensor([(0, 1), (0.5**0.5, 0.5**0.5)]))


def test_wrong_input_is_an_error():
    bank = OrderedBank(ROWS)
    with pytest.raises(ShapeError, match="features"):
        bank.update(torch.tensor([0]), torch.ones(1, 3), 0.2)
    with pytest.raises(UsageError, match="momentum"):
        bank.update(torch.tensor([0]), torch.ones(1, 2), 1.2)
    with pytest.raises(UsageError, match="3 rows"):
        bank.update(torch.tensor([3]), torch.ones(1, 2), 0.2)
    with pytest.raises(UsageError, match="2 row numbers"):
        means(torch.tensor([0, 1]), torch.ones(1, 2))
