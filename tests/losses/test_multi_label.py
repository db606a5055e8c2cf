"""The multi-label loss: values by hand, a plain loop, gradients, limits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gclbench.errors import ShapeError, UsageError
from gclbench.losses.multi_label import multi_label_loss


def mask_of(count: int, *places: int) -> Tensor:
    mask = torch.zeros(1, count, dtype=torch.bool)
    mask[0, list(places)] = True
    return mask


def loop(scores: Tensor, positives: Tensor, delta: float, share: float) -> Tensor:
    """The equation, sample by sample, as mmcl.md 4 writes it."""
    total = torch.zeros((), dtype=scores.dtype)
    for row, mask in zip(scores, positives, strict=True):
        pulled = [(1 - s) ** 2 for s, own in zip(row, mask, strict=True) if own]
        others = sorted((s for s, own in zip(row, mask, strict=True) if not own), reverse=True)
        total = total + delta * sum(pulled) / len(pulled)
        if others:
            hard = others[: max(1, int(share * len(others)))]
            total = total + sum((1 + s) ** 2 for s in hard) / len(hard)
    return total / len(scores)


def random_case(rows: int = 6, columns: int = 350) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(3)
    scores = 2 * torch.rand(rows, columns, generator=rng, dtype=torch.float64) - 1
    # Rows with 1, 2, 30, 150, ... positives: each has its own number of hard negatives.
    positives = torch.zeros(rows, columns, dtype=torch.bool)
    for row, count in enumerate((1, 2, 30, 150, 349, 350)[:rows]):
        positives[row, torch.randperm(columns, generator=rng)[:count]] = True
    return scores, positives


def test_two_positives_and_one_hard_negative_by_hand() -> None:
    scores = torch.zeros(1, 102, dtype=torch.float64)
    scores[0, :3] = torch.tensor([1.0, 0.8, 0.5])
    scores.requires_grad_()
    loss = multi_label_loss(scores, mask_of(102, 0, 1))
    assert loss.item() == pytest.approx(2.35)
    loss.backward()
    expected = torch.zeros(102, dtype=torch.float64)
    expected[1], expected[2] = -1.0, 3.0
    assert scores.grad is not None
    assert torch.allclose(scores.grad[0], expected)


def test_a_single_label_by_hand() -> None:
    scores = torch.zeros(1, 101)
    scores[0, 0], scores[0, 1] = 0.3, -0.2
    assert multi_label_loss(scores, mask_of(101, 0)).item() == pytest.approx(3.45)


def test_a_memory_of_zeros_costs_six_and_moves_nothing() -> None:
    features = torch.nn.functional.normalize(torch.randn(4, 8), dim=1).requires_grad_()
    labels = torch.eye(4, 200, dtype=torch.bool)
    loss = multi_label_loss(features @ torch.zeros(200, 8).T, labels)
    assert loss.item() == 6.0
    loss.backward()
    assert features.grad is not None
    assert torch.equal(features.grad, torch.zeros(4, 8))


@pytest.mark.parametrize("delta, share", [(5.0, 0.01), (1.0, 0.06), (0.0, 1.0)])
def test_value_and_gradient_equal_a_loop_over_samples(delta: float, share: float) -> None:
    scores, positives = random_case()
    ours, theirs = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    value = multi_label_loss(ours, positives, delta=delta, hard_share=share)
    expected = loop(theirs, positives, delta, share)
    assert value.item() == pytest.approx(expected.item())
    value.backward()
    expected.backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    assert torch.allclose(ours.grad, theirs.grad)
    assert torch.autograd.gradcheck(
        lambda s: multi_label_loss(s, positives, delta=delta, hard_share=share),
        (ours,),
        fast_mode=True,
    )


@pytest.mark.parametrize("negatives, hard", [(1, 1), (99, 1), (199, 1), (200, 2), (12_935, 129)])
def test_the_share_gives_as_many_hard_negatives_as_in_the_paper(negatives: int, hard: int) -> None:
    scores = torch.linspace(-0.5, 0.5, negatives + 1)[None].requires_grad_()
    multi_label_loss(scores, mask_of(negatives + 1, 0)).backward()
    assert scores.grad is not None
    assert int((scores.grad[0, 1:] > 0).sum()) == hard


def test_without_negatives_only_the_positives_count() -> None:
    scores = torch.tensor([[1.0, 0.5]], requires_grad=True)
    loss = multi_label_loss(scores, torch.ones(1, 2, dtype=torch.bool))
    assert loss.item() == pytest.approx(5 * 0.25 / 2)
    loss.backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()


def test_the_order_of_the_images_does_not_matter() -> None:
    scores, positives = random_case()
    order = torch.randperm(scores.shape[1], generator=torch.Generator().manual_seed(1))
    shuffled = multi_label_loss(scores[:, order], positives[:, order])
    assert shuffled.item() == pytest.approx(multi_label_loss(scores, positives).item())


def test_wrong_input_is_an_error() -> None:
    scores = torch.zeros(2, 3)
    with pytest.raises(ShapeError, match="positives"):
        multi_label_loss(scores, torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(UsageError, match="not even itself"):
        multi_label_loss(scores, torch.eye(2, 3, dtype=torch.bool).roll(1, 0) & mask_of(3, 0))
    for wrong in ({"delta": -1.0}, {"hard_share": 0.0}, {"hard_share": 1.1}):
        with pytest.raises(UsageError, match="hard_share"):
            multi_label_loss(scores, torch.eye(2, 3, dtype=torch.bool), **wrong)
