"""MMT's triplet losses without a margin: hard labels, and those of another network."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gclbench.errors import ShapeError
from gclbench.losses.triplet import soft_triplet_losses, softmax_triplet_losses

LABELS = torch.tensor([0, 0, 0, 1, 1, 2])


def rows(seed: int, columns: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, columns, generator=generator, dtype=torch.float64)


def hardest(features: Tensor, labels: Tensor, a: int) -> tuple[int, int]:
    """Plain loops: the farthest row of a's label (itself included), the nearest of another."""
    distance = [math.dist(features[a].tolist(), row.tolist()) for row in features]
    same = [j for j in range(len(labels)) if labels[j] == labels[a]]
    other = [j for j in range(len(labels)) if labels[j] != labels[a]]
    return max(same, key=lambda j: distance[j]), min(other, key=lambda j: distance[j])


def score(features: Tensor, a: int, positive: int, negative: int) -> float:
    """exp(n) / (exp(p) + exp(n)), the distance of a row to itself being 1e-6."""
    near = math.dist(features[a].tolist(), features[negative].tolist())
    far = math.dist(features[a].tolist(), features[positive].tolist()) if positive != a else 1e-6
    return math.exp(near) / (math.exp(far) + math.exp(near))


def test_the_hard_loss_equals_a_loop() -> None:
    features = rows(1)
    expected = [
        -math.log(score(features, a, *hardest(features, LABELS, a))) for a in range(len(LABELS))
    ]
    found = softmax_triplet_losses(features, LABELS)
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_the_soft_loss_judges_the_students_triplets_by_the_teachers_rows() -> None:
    features, reference = rows(1), rows(2, columns=5)
    expected = []
    for a in range(len(LABELS)):
        triplet = hardest(features, LABELS, a)
        s, t = score(features, a, *triplet), score(reference, a, *triplet)
        expected.append(-t * math.log(s) - (1 - t) * math.log(1 - s))
    found = soft_triplet_losses(features, reference, LABELS)
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
    others = [hardest(reference, LABELS, a) for a in range(len(LABELS))]
    assert others != [hardest(features, LABELS, a) for a in range(len(LABELS))]


def test_a_teacher_that_is_sure_teaches_the_hard_label() -> None:
    features = rows(3)
    reference = 200.0 * LABELS.double()[:, None]
    soft = soft_triplet_losses(features, reference, LABELS)
    assert torch.allclose(soft, softmax_triplet_losses(features, LABELS), atol=1e-9)


def test_no_gradient_reaches_the_teacher() -> None:
    features, reference = rows(1).requires_grad_(), rows(2).requires_grad_()
    soft_triplet_losses(features, reference, LABELS).sum().backward()
    assert reference.grad is None
    assert features.grad is not None
    assert features.grad.abs().sum() > 0


def test_gradients_are_those_of_finite_differences() -> None:
    features, reference = rows(4).requires_grad_(), rows(5)
    assert torch.autograd.gradcheck(lambda x: softmax_triplet_losses(x, LABELS), features)
    assert torch.autograd.gradcheck(lambda x: soft_triplet_losses(x, reference, LABELS), features)


def test_without_a_negative_there_is_neither_loss_nor_slope() -> None:
    features, labels = rows(6).requires_grad_(), torch.zeros(6, dtype=torch.int64)
    for losses in (
        softmax_triplet_losses(features, labels),
        soft_triplet_losses(features, rows(7), labels),
    ):
        assert losses.tolist() == [0.0] * 6
        features.grad = None
        losses.sum().backward()
        assert features.grad is not None
        assert not features.grad.any()


def test_far_rows_stay_finite() -> None:
    features = (1e4 * rows(8)).float().requires_grad_()
    total = soft_triplet_losses(features, 1e4 * rows(9).float(), LABELS).sum()
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(features.grad).all()


def test_shapes_are_checked() -> None:
    with pytest.raises(ShapeError, match="6 rows"):
        soft_triplet_losses(rows(1), rows(2)[:4], LABELS)
    with pytest.raises(ShapeError):
        softmax_triplet_losses(rows(1), LABELS[:3])
