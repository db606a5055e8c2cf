"""Any small input: Jaccard, DBSCAN and the rho rule against dense loops and scikit-learn."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import DBSCAN

from gclbench.errors import UsageError
from gclbench.kernels.dbscan import dbscan, rho_eps
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.kernels.sparse import SparseDistances
from tests.reciprocal import jaccard_loop

DTYPES = (np.float16, np.float32, np.float64)
GRIDS = arrays(
    np.int8, st.tuples(st.integers(1, 11), st.integers(1, 3)), elements=st.integers(-2, 2)
)


def units(grid, dtype):
    lengths = np.linalg.norm(grid, axis=1, keepdims=True)
    rows = np.where(lengths > 0, grid / np.maximum(lengths, 1), 1 / np.sqrt(grid.shape[1]))
    return rows.astype(dtype)


def dense_loop(rows, k1, k2):
    """Section 4 of the evaluation facts, FAISS style, with distances rounded to float32."""
    rows = rows.astype(np.float32).astype(np.float64)
    d = np.float32(np.maximum(2 - 2 * rows @ rows.T, 0)).astype(np.float64)
    np.fill_diagonal(d, 0)
    return jaccard_loop(d, min(k2, k1), k1, round(k1 / 2) + 1)  # a list has k1 entries


@settings(max_examples=80, deadline=None)
@given(GRIDS, st.integers(1, 13), st.integers(1, 6), st.sampled_from(DTYPES))
def test_jaccard_of_any_small_input_equals_a_dense_loop(grid, k1, k2, dtype):
    rows = units(grid, dtype)
    expected = dense_loop(rows, k1, k2)
    got = jaccard_distances(rows, k1, k2).dense()
    np.testing.assert_allclose(got, expected, atol=1e-6)


SYMMETRIC = st.integers(1, 12).flatmap(
    lambda n: arrays(np.float32, (n, n), elements=st.sampled_from([0, 0.2, 0.4, 0.5, 0.6, 0.9, 1]))
)


@settings(max_examples=150, deadline=None)
@given(SYMMETRIC, st.sampled_from([0.0, 0.2, 0.4, 0.45, 0.5, 0.6, 0.95]), st.integers(1, 5))
def test_dbscan_of_any_symmetric_matrix_equals_scikit_learn(matrix, eps, min_samples):
    matrix = np.maximum(matrix, matrix.T)
    np.fill_diagonal(matrix, 0)
    expected = DBSCAN(eps=max(eps, 1e-12), min_samples=min_samples, metric="precomputed").fit(
        matrix
    )
    got = dbscan(SparseDistances.from_dense(matrix), eps, min_samples)
    np.testing.assert_array_equal(got, expected.labels_)


@settings(max_examples=80, deadline=None)
@given(SYMMETRIC, st.sampled_from([0.001, 0.1, 0.3, 0.8, 1.0]), st.booleans())
def test_rho_eps_of_any_symmetric_matrix_equals_a_full_sort(matrix, rho, zeros):
    matrix = np.maximum(matrix, matrix.T)
    np.fill_diagonal(matrix, 0)
    pairs = np.sort(matrix[np.triu_indices(len(matrix), 1)].astype(np.float64))
    pairs = pairs if zeros else pairs[pairs > 0]
    count = min(len(pairs), max(1, round(rho * len(pairs))))
    expected = pairs[:count].mean() if len(pairs) else 0.0
    got = rho_eps(SparseDistances.from_dense(matrix), rho, zeros=zeros)
    assert got == pytest.approx(expected, abs=1e-12)


def test_equal_rows_are_one_cluster():
    rows = np.tile(np.float32([[0.6, 0.8]]), (40, 1))
    np.testing.assert_array_equal(dbscan(jaccard_distances(rows, 60, 3), 0.5, 4), np.zeros(40))


def test_collapsed_features_ask_for_no_more_room_than_there_are_pairs():
    rows = np.tile(np.float32([[0.6, 0.8]]), (1500, 1))
    jaccard_distances(rows[:50], 20, 4)  # compiled before memory is watched
    tracemalloc.start()
    distances = jaccard_distances(rows, 20, 4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pairs = 1500 * 1499 // 2
    assert len(distances.values) == pairs
    # Every two rows meet in about twenty columns, and none is to be counted twenty times.
    assert peak < 4 * 8 * pairs


def test_points_without_company_are_all_outliers():
    rows = np.eye(12, dtype=np.float32)
    assert (dbscan(jaccard_distances(rows, 1, 1), 0.6, 2) == -1).all()


def test_nan_is_a_clear_error():
    rows = np.eye(4, dtype=np.float32)
    rows[2, 1] = np.nan
    with pytest.raises(UsageError, match="NaN"):
        jaccard_distances(rows, 3, 1)
