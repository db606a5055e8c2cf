from __future__ import annotations

import math

import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.losses.exemplar import exemplar_loss

BANK = torch.tensor([(1.0, 0.0), (0.8, 0.6), (0.0, 1.0), (-1.0, 0.0)]).double()


def shares(feature, temperature=0.5):
    powers = [math.exp(float(feature @ row) / temperature) for row in BANK]
    return [math.log(power / sum(powers)) for power in powers]


def test_without_neighbours_every_image_is_a_class():
    x = torch.tensor([[0.9, 0.1]]).double()
    value = exemplar_loss(x, BANK, torch.tensor([1]), 0.5)
    assert float(value) == pytest.approx(-shares(x[0])[1])


def test_the_own_row_weighs_one_and_the_other_near_rows_a_kth():
    x = torch.tensor([[0.9, 0.1]]).double()
    log = shares(x[0])  # nearest: rows 0, 1, 2, 3
    own_among_them = exemplar_loss(x, BANK, torch.tensor([1]), 0.5, 3)
    assert float(own_among_them) == pytest.approx(-(log[1] + log[0] / 3 + log[2] / 3))
    own_far_away = exemplar_loss(x, BANK, torch.tensor([3]), 0.5, 2)
    assert float(own_far_away) == pytest.approx(-(log[3] + log[0] / 2 + log[1] / 2))


def test_more_neighbours_than_rows_are_all_rows():
    x = torch.tensor([[0.9, 0.1]]).double()
    many, all_rows = (exemplar_loss(x, BANK, torch.tensor([0]), 0.5, k) for k in (99, 4))
    assert torch.equal(many, all_rows)


def test_a_batch_is_the_mean_of_its_rows_and_features_keep_their_length():
    x = torch.tensor([(0.9, 0.1), (0.0, 3.0)]).double()
    indices = torch.tensor([0, 2])
    each = [float(exemplar_loss(x[i : i + 1], BANK, indices[i : i + 1], 0.5, 2)) for i in (0, 1)]
    assert float(exemplar_loss(x, BANK, indices, 0.5, 2)) == pytest.approx(sum(each) / 2)
    halved = exemplar_loss(x / 2, BANK, indices, 0.5, 2)
    assert float(halved) != pytest.approx(sum(each) / 2)


def test_the_gradient_reaches_the_features_alone():
    features = torch.tensor([(0.9, 0.1), (0.3, 0.5)], dtype=torch.float64, requires_grad=True)
    bank = BANK.clone().requires_grad_()
    indices = torch.tensor([0, 3])
    exemplar_loss(features, bank, indices, 0.5, 2).backward()
    assert features.grad.abs().sum() > 0
    assert bank.grad is None
    assert torch.autograd.gradcheck(lambda f: exemplar_loss(f, BANK, indices, 0.5, 2), (features,))


@pytest.mark.parametrize("temperature, neighbours", [(0.0, 1), (0.1, -1)])
def test_wrong_numbers_are_errors(temperature, neighbours):
    with pytest.raises(UsageError, match="temperature"):
        exemplar_loss(torch.ones(1, 2), BANK, torch.tensor([0]), temperature, neighbours)


def test_wrong_shapes_are_errors():
    with pytest.raises(ShapeError, match="bank"):
        exemplar_loss(torch.ones(1, 3), torch.ones(4, 2), torch.tensor([0]), 0.1)
    with pytest.raises(ShapeError, match="indices"):
        exemplar_loss(torch.ones(1, 2), torch.ones(4, 2), torch.tensor([0, 1]), 0.1)
