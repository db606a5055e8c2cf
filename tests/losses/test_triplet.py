from __future__ import annotations

import pytest
import torch

from gclbench.errors import ShapeError
from gclbench.losses.triplet import batch_hard_losses, positive_pair_losses


def line(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def random_batch(seed=0, rows=10, people=3):
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(people, (rows,), generator=rng)
    return torch.randn(rows, 5, generator=rng, dtype=torch.float64), labels


def away(features, i, j):
    return 1e-6 if i == j else float((features[i] - features[j]).norm())


def nearest_negative(features, labels, i):
    others = [j for j in range(len(labels)) if labels[j] != labels[i]]
    return min(away(features, i, j) for j in others)


def test_four_points_on_a_line():
    losses = batch_hard_losses(line(0, 1, 1.2, 3), torch.tensor([0, 0, 1, 1]), 0.5)
    assert losses.tolist() == pytest.approx([0.3, 1.3, 2.1, 0.3])


def test_an_anchor_without_a_partner_is_its_own_positive():
    features, labels = line(0, 1, 3), torch.tensor([0, 0, 1])
    assert batch_hard_losses(features, labels, 0.5).tolist() == [0, 0, 0]
    assert batch_hard_losses(features, labels, 2.25).tolist() == pytest.approx(
        [0.25, 1.25, 0.250001], abs=1e-9
    )


def test_the_own_distance_stays_tiny_for_long_rows_in_float32():
    rows = 300 + torch.rand(2, 64, generator=torch.Generator().manual_seed(1))
    apart = float((rows[0] - rows[1]).norm())
    losses = batch_hard_losses(rows, torch.tensor([0, 1]), 2 * apart)
    assert losses.tolist() == pytest.approx([apart, apart], rel=1e-2)


def test_without_negatives_there_is_nothing_to_learn():
    features = line(0, 1, 3).requires_grad_()
    losses = batch_hard_losses(features, torch.zeros(3, dtype=torch.int64), 0.5)
    pairs = positive_pair_losses(features, torch.zeros(3, dtype=torch.int64), 0.5)
    assert losses.tolist() == [0, 0, 0] == pairs.tolist()
    (losses.sum() + pairs.sum()).backward()
    assert features.grad is not None
    assert features.grad.tolist() == [[0], [0], [0]]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_batch_hard_equals_a_loop_over_anchors(seed):
    features, labels = random_batch(seed)
    expected = []
    for i in range(len(labels)):
        farthest = max(away(features, i, j) for j in range(len(labels)) if labels[j] == labels[i])
        expected.append(max(0.0, 0.5 + farthest - nearest_negative(features, labels, i)))
    assert batch_hard_losses(features, labels, 0.5).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pair_losses_equal_a_loop_over_pairs(seed):
    features, labels = random_batch(seed)
    expected = [
        max(0.0, 0.5 + away(features, i, j) - nearest_negative(features, labels, i))
        for i in range(len(labels))
        for j in range(i + 1, len(labels))
        if labels[i] == labels[j]
    ]
    assert positive_pair_losses(features, labels, 0.5).tolist() == pytest.approx(expected)


def test_gradients_are_finite_where_rows_coincide_and_right_elsewhere():
    features, labels = random_batch(3)
    features[1] = features[0]
    rows = features.clone().requires_grad_()
    for rule in (batch_hard_losses, positive_pair_losses):
        rule(rows, labels, 0.5).sum().backward()
    assert rows.grad is not None
    assert bool(torch.isfinite(rows.grad).all())
    apart, labels = random_batch(4)
    assert torch.autograd.gradcheck(
        lambda x: batch_hard_losses(x, labels, 0.5), (apart.requires_grad_(),)
    )


def test_wrong_shapes_are_errors():
    for features, labels in ((torch.rand(3), 3), (torch.rand(3, 2), 2), (torch.rand(0, 2), 0)):
        with pytest.raises(ShapeError, match=r"\(B, D\)"):
            batch_hard_losses(features, torch.zeros(labels), 0.5)
