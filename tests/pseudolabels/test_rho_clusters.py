"""Connected clusters under a radius that the distances choose: worked example, loops, limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gclbench.errors import UsageError
from gclbench.pseudolabels import rho_clusters as module
from gclbench.pseudolabels.jvtc import SquaredDistances
from gclbench.pseudolabels.rho_clusters import rho_clusters


class Points:
    """Absolute differences of numbers."""

    def __init__(self, *values: float) -> None:
        self.values = torch.tensor(values, dtype=torch.float32)

    @property
    def n(self) -> int:
        return len(self.values)

    def columns(self, start: int, stop: int) -> Tensor:
        return (self.values[:, None] - self.values[None, start:stop]).abs()


def clusters_by_loop(distances: np.ndarray, rho: float) -> tuple[list[int], float]:
    n = len(distances)
    pairs = list(itertools.combinations(range(n), 2))
    values = sorted(float(distances[i, j]) for i, j in pairs if distances[i, j] > 0)
    chosen = values[: max(1, round(rho * len(values)))]
    eps = sum(chosen) / len(chosen)
    labels = list(range(n))
    for i, j in pairs:
        if distances[i, j] <= eps:
            old, new = max(labels[i], labels[j]), min(labels[i], labels[j])
            labels = [new if label == old else label for label in labels]
    order = list(dict.fromkeys(labels))
    return [order.index(label) for label in labels], eps


@pytest.mark.parametrize("block", [1, 4, 256])
def test_the_worked_example_of_jvtc(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    labels, eps = rho_clusters(Points(0, 1, 2.5, 10, 10.5, 30), rho=0.2)
    assert eps == 1.0
    assert labels.tolist() == [0, 0, 1, 2, 2, 3]


@pytest.mark.parametrize("rho", [0.01, 0.1, 0.4])
def test_clusters_equal_a_loop_over_pairs(monkeypatch: pytest.MonkeyPatch, rho: float) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7)
    rows = F.normalize(torch.randn(40, 5, generator=torch.Generator().manual_seed(3)))
    distances = SquaredDistances(rows)
    labels, eps = rho_clusters(distances, rho)
    expected, radius = clusters_by_loop(distances.columns(0, 40).double().numpy(), rho)
    assert eps == pytest.approx(radius, rel=1e-6)
    assert labels.tolist() == expected


def test_equal_rows_are_one_cluster_and_do_not_shrink_the_radius() -> None:
    rows = F.normalize(torch.tensor([[1.0, 0.1], [0.0, 1.0], [1.0, 0.1], [0.3, 1.0]]))
    labels, eps = rho_clusters(SquaredDistances(rows), rho=0.1)
    assert labels.tolist() == [0, 1, 0, 1]
    assert eps == pytest.approx(2 - 2 * float(rows[1] @ rows[3]), abs=1e-5)


def test_the_share_is_of_the_pairs_that_are_not_zero() -> None:
    points = Points(0, 0, 0, 0, 1, 3)  # 15 pairs: six of 0, four of 1, four of 3, one of 2
    labels, eps = rho_clusters(points, rho=0.5)
    assert eps == 1.0  # the mean of four (half of 9, to the even number); of all 15 it is above 1
    assert labels.tolist() == [0, 0, 0, 0, 0, 1]


def test_few_images_still_have_a_radius() -> None:
    assert rho_clusters(Points(0, 3, 4), rho=1.6e-3)[1] == 1.0
    assert rho_clusters(Points(7), rho=1.6e-3) == (np.array([0]), 0.0)
    labels, eps = rho_clusters(Points(5, 5, 5), rho=0.5)
    assert (labels.tolist(), eps) == ([0, 0, 0], 0.0)


def test_what_cannot_be_clustered_is_refused() -> None:
    with pytest.raises(UsageError, match="rho is 0"):
        rho_clusters(Points(0, 1), rho=0)
    with pytest.raises(UsageError, match="NaN"):
        rho_clusters(Points(0, float("nan")), rho=0.1)
