from __future__ import annotations

import numpy as np
import pytest
import torch

from gclbench.errors import UsageError
from gclbench.kernels.dbscan import rho_eps
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.pseudolabels.jaccard_dbscan import pseudo_labels
from gclbench.schema.settings import PseudoLabelSettings


def unit_vectors(*degrees):
    angle = np.deg2rad(degrees)
    return torch.from_numpy(np.stack([np.cos(angle), np.sin(angle)], axis=1))


J1 = unit_vectors(0, 12, 31, 75, 90, 111)


def test_labels_of_oracle_j1():
    found = pseudo_labels(J1, k1=4, k2=2, eps=0.2, min_samples=2)
    np.testing.assert_array_equal(found.labels, [0, 0, 0, 1, 1, -1])
    assert (found.eps, found.clusters, found.outliers) == (0.2, 2, 1)


def test_rho_rule_sets_eps_from_the_data():
    found = pseudo_labels(J1, k1=4, k2=2, eps_rule="rho", rho=0.5, min_samples=2)
    assert found.eps == pytest.approx(0.431895, abs=2e-6)
    assert found.eps == rho_eps(jaccard_distances(J1, 4, 2), 0.5)
    np.testing.assert_array_equal(found.labels, [0, 0, 0, 1, 1, 1])


def test_a_huge_rho_still_clusters():
    assert pseudo_labels(J1, k1=4, k2=1, eps_rule="rho", rho=1.0, min_samples=2).clusters >= 1


def test_separate_groups_are_found_with_the_papers_settings():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(8), 12)
    rows = rng.normal(size=(8, 32))[truth] + 0.2 * rng.normal(size=(96, 32))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = pseudo_labels(rows, **PseudoLabelSettings(k1=10).model_dump(exclude={"method"}))
    np.testing.assert_array_equal(found.labels, truth)


def test_nobody_clusters_when_min_samples_is_out_of_reach():
    found = pseudo_labels(J1, k1=4, k2=2, eps=0.1, min_samples=5)
    assert (found.clusters, found.outliers) == (0, 6)


def test_an_unknown_rule_is_an_error():
    with pytest.raises(UsageError, match="constant, rho"):
        pseudo_labels(J1, eps_rule="mean")
