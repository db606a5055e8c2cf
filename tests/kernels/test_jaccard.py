from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels import jaccard
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.kernels.sparse import SparseDistances
from tests.reciprocal import jaccard_loop

J1_DEGREES = (0, 12, 31, 75, 90, 111)
J2_DEGREES = (0, 10, 50, 89, 91, 106, 116)


def unit_vectors(degrees):
    angle = np.deg2rad(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def random_units(n, d, seed, groups=6):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(groups, d))[rng.integers(0, groups, n)] + 0.6 * rng.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def distances_of(rows):
    rows = rows.astype(np.float64)
    return np.array([[max(0.0, 2 - 2 * float(a @ b)) for b in rows] for a in rows])


def test_oracle_j1_in_faiss_style():
    j = jaccard_distances(unit_vectors(J1_DEGREES), 4, 2).dense()
    expected = {
        (0, 1): 0, (0, 2): 0.190431, (1, 2): 0.190431, (0, 3): 0.953157, (0, 4): 0.953157,
        (1, 3): 0.953157, (1, 4): 0.953157, (0, 5): 1, (1, 5): 1, (2, 3): 0.902239,
        (2, 4): 0.902239, (2, 5): 0.953638, (3, 4): 0, (3, 5): 0.203015, (4, 5): 0.203015,
    }  # fmt: skip
    for (a, b), value in expected.items():
        assert j[a, b] == pytest.approx(value, abs=2e-6), (a, b)
    assert j[0, 1] == 0
    assert j[3, 4] == 0


def test_oracle_j1_in_classic_style():
    j = jaccard_distances(unit_vectors(J1_DEGREES), 4, 2, "classic").dense()
    expected = {(0, 2): 0.270983, (0, 3): 0.731901, (0, 5): 0.841692}
    expected |= {(2, 3): 0.591982, (2, 5): 0.726058, (3, 5): 0.260104}
    for (a, b), value in expected.items():
        assert j[a, b] == pytest.approx(value, abs=2e-6), (a, b)


def test_oracle_j2_where_the_two_thirds_rule_fires():
    j = jaccard_distances(unit_vectors(J2_DEGREES), 6, 1).dense()
    expected = [0.30550, 0.69113, 0.89869, 0.90418, 0.93583, 1]
    expected += [0.51745, 0.77730, 0.78407, 0.82292, 0.90092, 0.50029, 0.51047, 0.56835, 0.68211]
    expected += [0.01873, 0.14126, 0.31080, 0.12513, 0.29769, 0.21523]
    np.testing.assert_allclose(j[np.triu_indices(7, 1)], expected, atol=6e-6)


def test_oracle_j2_with_query_expansion():
    j = jaccard_distances(unit_vectors(J2_DEGREES), 6, 2).dense()
    expected = [0, 0.71718, 0.84421, 0.84421, 0.91866, 0.91866]
    expected += [0.71718, 0.84421, 0.84421, 0.91866, 0.91866, 0.29257, 0.29257, 0.45020, 0.45020]
    expected += [0, 0.21640, 0.21640, 0.21640, 0.21640, 0]
    np.testing.assert_allclose(j[np.triu_indices(7, 1)], expected, atol=6e-6)


@pytest.mark.parametrize(("k1", "k2"), [(5, 1), (7, 3), (12, 6), (3, 3), (15, 4)])
def test_sparse_distances_equal_a_plain_dense_loop(k1, k2):
    rows = random_units(70, 8, seed=k1)
    d = distances_of(rows)
    expected = jaccard_loop(d, k2, k1, round(k1 / 2) + 1)
    sparse = jaccard_distances(rows, k1, k2)
    np.testing.assert_allclose(sparse.dense(), expected, atol=1e-6)
    assert (sparse.values < 1).all()
    assert 0 < len(sparse.values) < 70 * 69 / 2


@pytest.mark.parametrize(("k1", "k2"), [(6, 1), (7, 3)])
def test_classic_distances_equal_a_plain_dense_loop(k1, k2):
    rows = random_units(50, 8, seed=k1)
    d = distances_of(rows)
    expected = jaccard_loop(d / d.max(axis=1, keepdims=True), k2, k1 + 1, round(k1 / 2) + 1)
    np.testing.assert_allclose(
        jaccard_distances(rows, k1, k2, "classic").dense(), expected, atol=1e-6
    )


def test_a_pair_is_stored_once_right_of_the_diagonal():
    sparse = jaccard_distances(random_units(80, 4, seed=2), 8, 3)
    for i in range(sparse.n):
        columns = sparse.indices[sparse.indptr[i] : sparse.indptr[i + 1]]
        assert (columns > i).all()
        assert len(set(columns.tolist())) == len(columns)


def test_jaccard_distance_of_identical_rows_is_zero():
    rows = np.repeat(random_units(5, 6, seed=3), 4, axis=0)
    j = jaccard_distances(rows, 4, 1).dense()
    for start in range(0, 20, 4):
        assert (j[start : start + 4, start : start + 4] == 0).all()


@pytest.mark.parametrize("neighbours", ["faiss", "classic"])
@pytest.mark.parametrize("seed", range(12))
def test_collapsed_features_have_distances_of_zero_or_one_and_no_weight_of_zero(seed, neighbours):
    row = np.random.default_rng(seed).standard_normal((1, 64)).astype(np.float32)
    rows = torch.nn.functional.normalize(torch.from_numpy(np.repeat(row, 300, axis=0)))
    found = jaccard_distances(rows, 20, 6, neighbours)
    assert np.isfinite(found.values).all()
    assert (found.values >= 0).all()
    columns = found.indices
    assert all(len(set(columns[a:b])) == b - a for a, b in pairwise(found.indptr.tolist()))


def test_a_distance_without_bound_keeps_a_weight():
    offsets, columns = np.array([0, 2, 3]), np.array([0, 1, 1], np.int32)
    weights = jaccard._weights(offsets, columns, np.array([0.0, 1e9, 0.0]))
    assert (weights.values > 0).all()
    np.testing.assert_allclose(weights.values, [1, 0, 1], atol=1e-12)


def test_fewer_points_than_k1_still_has_an_answer():
    rows = random_units(4, 3, seed=4)
    j = jaccard_distances(rows, 30, 6).dense()
    assert (j < 1e-6).all()  # everyone is everyone's neighbour and averages over all


def test_a_dense_matrix_survives_the_round_trip():
    matrix = jaccard_distances(random_units(30, 4, seed=5), 5, 2).dense()
    again = SparseDistances.from_dense(matrix)
    np.testing.assert_array_equal(again.dense(), matrix)
    with pytest.raises(ShapeError):
        SparseDistances.from_dense(np.ones((2, 3)))


def test_bad_settings_are_errors():
    rows = random_units(6, 3, seed=8)
    with pytest.raises(UsageError, match="k1 = 0"):
        jaccard_distances(rows, 0, 1)
    with pytest.raises(UsageError, match="classic, faiss"):
        jaccard_distances(rows, 3, 1, "exact")
