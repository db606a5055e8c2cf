from __future__ import annotations

import numpy as np
import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.similarity import (
    farthest_distances,
    nearest,
    smallest,
    squared_distances,
)


def unit_rows(n, d, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_nearest_equals_a_full_stable_sort():
    rows = unit_rows(300, 5)
    indices, distances = nearest(rows, 9)
    for i in (0, 17, 255, 256, 299):
        full = ((rows - rows[i]).astype(np.float64) ** 2).sum(axis=1)
        order = np.argsort(full, kind="stable")[:9]
        np.testing.assert_array_equal(indices[i], order)
        np.testing.assert_allclose(distances[i], full[order], atol=1e-6)


def test_self_comes_first_and_equal_rows_follow_by_index():
    rows = np.tile(np.float32([[0.6, 0.8]]), (5, 1))
    indices, distances = nearest(rows, 4)
    np.testing.assert_array_equal(indices[3], [3, 0, 1, 2])
    np.testing.assert_array_equal(indices[0], [0, 1, 2, 3])
    np.testing.assert_allclose(distances, 0, atol=1e-6)


def test_smallest_orders_equal_values_by_index():
    indices, values = smallest(torch.tensor([[2.0, 0.0, 1.0, -0.0, 1.0]]), 4)
    np.testing.assert_array_equal(indices, [[1, 3, 2, 4]])
    np.testing.assert_array_equal(values, [[0, 0, 1, 1]])


def test_fewer_points_than_neighbours_gives_all_points():
    indices, _ = nearest(unit_rows(3, 4), 10)
    assert indices.shape == (3, 3)
    assert sorted(indices[1]) == [0, 1, 2]


def test_all_pairs_and_farthest_equal_a_loop():
    rows = unit_rows(20, 3, seed=1)
    loop = np.array([[((a - b).astype(np.float64) ** 2).sum() for b in rows] for a in rows])
    np.testing.assert_allclose(squared_distances(rows), loop, atol=1e-6)
    np.testing.assert_allclose(squared_distances(3 * rows), 9 * loop, atol=1e-5)
    np.testing.assert_allclose(farthest_distances(rows), loop.max(axis=1), atol=1e-6)


def test_bad_input_is_an_error():
    with pytest.raises(ShapeError):
        nearest(np.ones(3), 1)
    with pytest.raises(UsageError, match="NaN"):
        nearest(np.array([[np.nan, 1.0]]), 1)
    with pytest.raises(UsageError, match="k is 0"):
        nearest(unit_rows(3, 2), 0)
