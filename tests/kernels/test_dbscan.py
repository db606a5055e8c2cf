from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import DBSCAN

from gclbench.errors import UsageError
from gclbench.kernels.dbscan import dbscan, rho_count, rho_eps
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.kernels.sparse import SparseDistances


def unit_vectors(*degrees):
    angle = np.deg2rad(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


J1 = unit_vectors(0, 12, 31, 75, 90, 111)
J2 = unit_vectors(0, 10, 50, 89, 91, 106, 116)


def random_matrix(seed, n=120):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(9, 3))[rng.integers(0, 9, n)] + 0.35 * rng.normal(size=(n, 3))
    d = np.linalg.norm(points[:, None] - points[None], axis=-1) / 3
    return np.minimum(d, 1).astype(np.float32)


@pytest.mark.parametrize(
    ("eps", "min_samples", "labels"),
    [
        (0.1, 2, [0, 0, -1, 1, 1, -1]),
        (0.1, 3, [-1] * 6),
        (0.2, 2, [0, 0, 0, 1, 1, -1]),
        (0.2, 3, [0, 0, 0, -1, -1, -1]),
        (0.3, 2, [0, 0, 0, 1, 1, 1]),
        (0.7, 3, [0, 0, 0, 1, 1, 1]),
    ],
)
def test_labels_of_oracle_j1(eps, min_samples, labels):
    np.testing.assert_array_equal(dbscan(jaccard_distances(J1, 4, 2), eps, min_samples), labels)


@pytest.mark.parametrize(
    ("k2", "eps", "labels"),
    [
        (1, 0.2, [-1, -1, -1, 0, 0, 0, -1]),
        (1, 0.4, [-1, -1, -1, 0, 0, 0, 0]),
        (1, 0.6, [0] * 7),
        (2, 0.2, [-1] * 7),
        (2, 0.4, [-1, -1, 0, 0, 0, 0, 0]),
        (2, 0.6, [-1, -1, 0, 0, 0, 0, 0]),
    ],
)
def test_labels_of_oracle_j2(k2, eps, labels):
    np.testing.assert_array_equal(dbscan(jaccard_distances(J2, 6, k2), eps, 3), labels)


@pytest.mark.parametrize("min_samples", [1, 2, 4, 9])
@pytest.mark.parametrize("eps", [0.05, 0.11, 0.17, 0.3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_labels_equal_scikit_learn_on_the_dense_matrix(min_samples, eps, seed):
    matrix = random_matrix(seed)
    expected = DBSCAN(eps=eps, min_samples=min_samples, metric="precomputed").fit_predict(matrix)
    got = dbscan(SparseDistances.from_dense(matrix), eps, min_samples)
    np.testing.assert_array_equal(got, expected)


def test_some_random_case_has_clusters_borders_and_outliers():
    matrix = random_matrix(0)
    model = DBSCAN(eps=0.17, min_samples=9, metric="precomputed").fit(matrix)
    assert len(set(model.labels_)) > 2
    assert -1 in model.labels_
    assert len(model.core_sample_indices_) < (model.labels_ >= 0).sum()


@pytest.mark.parametrize(
    ("rho", "eps"), [(0.1, 0.190431), (0.2, 0.194626), (0.3, 0.196723), (0.5, 0.431895)]
)
def test_rho_rule_of_oracle_j1(rho, eps):
    assert rho_eps(jaccard_distances(J1, 4, 2), rho) == pytest.approx(eps, abs=2e-6)


@pytest.mark.parametrize(
    ("k2", "rho", "eps"),
    [(1, 0.1, 0.071928), (1, 0.2, 0.125088), (1, 0.3, 0.183924), (2, 0.1, 0.216398), (2, 0.3,
    0.231633)],
)  # fmt: skip
def test_rho_rule_of_oracle_j2(k2, rho, eps):
    assert rho_eps(jaccard_distances(J2, 6, k2), rho) == pytest.approx(eps, abs=2e-6)


@pytest.mark.parametrize(
    ("images", "wanted"), [(12_936, 133_862), (16_522, 218_368), (25, 1), (2, 1)]
)
def test_the_rho_rule_averages_as_many_pairs_as_the_official_code(images, wanted):
    assert rho_count(images * (images - 1) // 2, 1.6e-3) == wanted


def test_the_rho_rule_averages_no_more_pairs_than_there_are():
    assert rho_count(3, 2.0) == 3
    with pytest.raises(UsageError, match="above 0"):
        rho_count(3, 0.0)


def test_rho_rule_counts_absent_pairs_as_one():
    matrix = np.ones((4, 4), dtype=np.float32)
    matrix[0, 1] = matrix[1, 0] = 0.5
    np.fill_diagonal(matrix, 0)
    assert rho_eps(SparseDistances.from_dense(matrix), 0.5) == pytest.approx((0.5 + 1 + 1) / 3)
    assert rho_eps(SparseDistances.from_dense(matrix), 1e-9) == pytest.approx(0.5)
    assert rho_eps(SparseDistances.from_dense(np.zeros((3, 3))), 0.5) == 0


def test_bad_settings_are_errors():
    distances = jaccard_distances(J1, 4, 2)
    for eps in (-0.1, 1.0):
        with pytest.raises(UsageError, match="eps"):
            dbscan(distances, eps, 4)
    with pytest.raises(UsageError, match="min_samples"):
        dbscan(distances, 0.5, 0)
    with pytest.raises(UsageError, match="rho"):
        rho_eps(distances, 0)
