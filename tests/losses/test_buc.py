from __future__ import annotations

import math

import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.losses.buc import repelled_loss


@pytest.mark.parametrize(
    "clusters, value", [(8298, 9.0238), (2196, 7.6944), (12290, 9.4165), (6476, 8.7759)]
)
def test_an_empty_table_costs_ln_c(clusters: int, value: float) -> None:
    features = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    loss = repelled_loss(features, torch.zeros(clusters, 4), torch.tensor([0, 1, 2]), 0.1)
    assert float(loss) == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("row, value", [([1.0, 0.0, 0.0], 9.080e-5), ([0.6, 0.8, 0.0], 2.12722)])
def test_three_orthogonal_clusters(row: list[float], value: float) -> None:
    features = torch.tensor([row], dtype=torch.float64)
    table = torch.eye(3, dtype=torch.float64)
    loss = repelled_loss(features, table, torch.tensor([0]), 0.1)
    assert float(loss) == pytest.approx(value, rel=1e-4)


def test_many_clusters_cost_even_a_perfect_row() -> None:
    table = torch.zeros(12936, 2, dtype=torch.float64)
    table[0, 0] = 1
    loss = repelled_loss(table[:1], table, torch.tensor([0]), 0.1)
    assert float(loss) == pytest.approx(0.46200, abs=1e-5)
    assert float(loss) == pytest.approx(math.log(1 + 12935 * math.exp(-10)), rel=1e-5)


def test_a_batch_is_the_mean_of_its_rows() -> None:
    rng = torch.Generator().manual_seed(1)
    features, table = torch.randn(4, 5, generator=rng), torch.randn(6, 5, generator=rng)
    targets = torch.tensor([5, 0, 0, 3])
    each = [repelled_loss(features[b : b + 1], table, targets[b : b + 1], 0.5) for b in range(4)]
    whole = repelled_loss(features, table, targets, 0.5)
    torch.testing.assert_close(whole, torch.stack(each).mean())


def test_the_gradient_reaches_the_features_only() -> None:
    rng = torch.Generator().manual_seed(2)
    features = torch.randn(3, 4, generator=rng, dtype=torch.float64, requires_grad=True)
    table = torch.randn(5, 4, generator=rng, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 4, 4])
    torch.autograd.gradcheck(lambda x: repelled_loss(x, table.detach(), targets, 0.3), [features])
    repelled_loss(features, table, targets, 0.1).backward()
    assert table.grad is None


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ShapeError):
        repelled_loss(torch.zeros(2, 3), torch.zeros(4, 5), torch.tensor([0, 1]), 0.1)
    with pytest.raises(UsageError):
        repelled_loss(torch.zeros(2, 3), torch.zeros(4, 3), torch.tensor([0, 1]), 0.0)
