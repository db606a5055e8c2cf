"""Clusters by a radius that the first round sets: against scikit-learn on the dense matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import DBSCAN
from torch import Tensor

from gclbench.kernels.jaccard import jaccard_distances
from gclbench.kernels.raw_rows import raw_jaccard_distances
from gclbench.pseudolabels.kept_radius import kept_radius_labels


def people(spread: float, seed: int = 0) -> Tensor:
    """Unit rows of 8 people with 6 images each, and 4 strays."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(8, 16, generator=generator).repeat_interleave(6, dim=0)
    near = centres + spread * torch.randn(48, 16, generator=generator)
    return F.normalize(torch.cat([near, torch.randn(4, 16, generator=generator)]))


def test_the_first_radius_is_the_mean_of_the_smallest_pairs() -> None:
    rows = people(0.5)
    found = kept_radius_labels(rows, None, k1=8, k2=3, rho=0.05)
    dense = jaccard_distances(rows, 8, 3, "classic").dense().astype(np.float64)
    pairs = np.sort(dense[np.triu_indices(len(dense), k=1)])
    pairs = pairs[pairs > 0]
    assert found.eps == pytest.approx(pairs[: round(0.05 * len(pairs))].mean(), rel=1e-6)


@pytest.mark.parametrize("eps", [None, 0.3])
def test_labels_are_those_of_scikit_learn(eps: float | None) -> None:
    rows = people(0.5)
    found = kept_radius_labels(rows, eps, k1=8, k2=3, rho=0.05)
    dense = jaccard_distances(rows, 8, 3, "classic").dense()
    expected = DBSCAN(eps=found.eps, min_samples=4, metric="precomputed").fit_predict(dense)
    assert found.labels.tolist() == expected.tolist()
    assert found.clusters == expected.max() + 1 > 1
    assert found.outliers == (expected < 0).sum() > 0


def test_a_radius_to_keep_is_kept_where_the_rule_says_another() -> None:
    first = kept_radius_labels(people(0.5), None, k1=8, k2=3, rho=0.05)
    later = people(0.1, seed=1)
    assert kept_radius_labels(later, first.eps, k1=8, k2=3, rho=0.05).eps == first.eps
    assert kept_radius_labels(later, None, k1=8, k2=3, rho=0.05).eps != first.eps


def test_the_radius_of_all_pairs_counts_those_at_distance_zero() -> None:
    rows = people(0.4).repeat_interleave(2, dim=0)  # every image twice
    dense = jaccard_distances(rows, 6, 2, "classic").dense().astype(np.float64)
    pairs = np.sort(dense[np.triu_indices(len(dense), k=1)])
    zeros, count = int((pairs == 0).sum()), round(0.04 * len(pairs))
    assert 20 < zeros < count
    found = kept_radius_labels(rows, None, k1=6, k2=2, rho=0.04, eps_rule="rho_all")
    assert found.eps == pytest.approx(pairs[:count].mean(), rel=1e-6)
    without = kept_radius_labels(rows, None, k1=6, k2=2, rho=0.04)
    kept = pairs[zeros:]
    assert without.eps == pytest.approx(kept[: round(0.04 * len(kept))].mean(), rel=1e-6)
    assert without.eps > 1.2 * found.eps


def test_rows_of_any_length_are_clustered_as_they_come() -> None:
    generator = torch.Generator().manual_seed(3)
    rows = people(0.5) * torch.empty(52, 1).uniform_(2, 9, generator=generator)
    found = kept_radius_labels(rows, 0.4, k1=8, k2=3, unit=False)
    dense = raw_jaccard_distances(rows, 8, 3).dense()
    expected = DBSCAN(eps=0.4, min_samples=4, metric="precomputed").fit_predict(dense)
    assert found.labels.tolist() == expected.tolist()
    unit = kept_radius_labels(F.normalize(rows), 0.4, k1=8, k2=3)
    assert found.labels.tolist() != unit.labels.tolist()


def test_a_share_of_all_pairs_leaves_the_radius_below_one() -> None:
    found = kept_radius_labels(torch.eye(12), None, k1=1, k2=1, rho=1.0)
    assert found.eps < 1
    assert found.clusters == 0
