from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gclbench.errors import MissingExtraError, ShapeError, UsageError
from gclbench.kernels import candidates, similarity
from gclbench.kernels.similarity import (
    farthest_distances,
    nearest,
    smallest,
)


def unit_rows(n, d, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def loop_over_all_points(rows, k):
    """Neighbours by (point itself first, distance as float32, index), one row at a time."""
    rows = rows.astype(np.float64)
    indices, distances = [], []
    for i in range(len(rows)):
        d = np.float32(np.maximum(2 - 2 * (rows @ rows[i]), 0))
        d[i] = 0
        order = sorted(range(len(rows)), key=lambda j: (j != i, d[j], j))[:k]
        indices.append(order)
        distances.append(d[order])
    return np.array(indices), np.array(distances)


@pytest.mark.parametrize("backend", ["torch", "faiss"])
@pytest.mark.parametrize(("n", "d", "k"), [(300, 5, 9), (90, 3, 40), (2, 3, 1), (1, 4, 3)])
def test_nearest_equals_a_loop_over_all_points(n, d, k, backend):
    rows = unit_rows(n, d)
    indices, distances = nearest(rows, k, backend)
    expected, expected_distances = loop_over_all_points(rows, k)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(distances, expected_distances)


@pytest.mark.parametrize("backend", ["torch", "faiss"])
def test_self_comes_first_and_equal_rows_follow_by_index(backend):
    rows = np.tile(np.float32([[0.6, 0.8]]), (50, 1))
    indices, distances = nearest(rows, 4, backend)
    np.testing.assert_array_equal(indices[3], [3, 0, 1, 2])
    np.testing.assert_array_equal(indices[0], [0, 1, 2, 3])
    np.testing.assert_allclose(distances, 0, atol=1e-6)


@pytest.mark.parametrize("backend", ["torch", "faiss"])
def test_many_copies_of_a_few_points_are_ordered_by_index(backend):
    rows = unit_rows(4, 6)[np.random.default_rng(2).integers(0, 4, 200)]
    indices, distances = nearest(rows, 12, backend)
    expected, expected_distances = loop_over_all_points(rows, 12)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(distances, expected_distances)


def test_tiles_smaller_than_the_matrix_change_nothing(monkeypatch):
    rows = unit_rows(157, 7)
    whole = nearest(rows, 10)
    monkeypatch.setattr(candidates, "_TILE", 16)
    tiled = nearest(rows, 10)
    np.testing.assert_array_equal(tiled[0], whole[0])
    np.testing.assert_array_equal(tiled[1], whole[1])


def test_whole_rows_at_a_time_as_on_a_gpu_give_the_same_candidates(monkeypatch):
    rows = torch.from_numpy(unit_rows(120, 7))
    monkeypatch.setattr(candidates, "_GPU_BLOCK_SCORES", 1000)
    blocks, tiles = candidates.from_blocks(rows, 15), candidates.from_tiles(rows, 15, 1e-7)
    for i in range(len(rows)):
        lists = [
            np.sort(found.ids[found.starts[i] : found.starts[i + 1]]) for found in (blocks, tiles)
        ]
        np.testing.assert_array_equal(*lists)
    np.testing.assert_allclose(blocks.floors, tiles.floors, atol=1e-6)


def _coarse_scores(monkeypatch, decimals):
    """Let products be rounded, as a stand-in for any arithmetic that is not exact."""

    def coarse(rows, columns):
        return torch.round(rows.float() @ columns.float().T, decimals=decimals)

    monkeypatch.setattr(candidates, "products", coarse)
    monkeypatch.setattr(similarity, "float32_error", lambda matrix: 0.6 * 10.0**-decimals)


@pytest.mark.parametrize("decimals", [3, 2, 1])
def test_coarse_scores_are_made_good(monkeypatch, decimals):
    """Candidates named by scores that are wrong by up to the error must not change a list."""
    rows = unit_rows(400, 4)
    expected = nearest(rows, 6)
    _coarse_scores(monkeypatch, decimals)
    got = nearest(rows, 6)
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])


def _bfloat16_lists(monkeypatch, rows, k):
    """The lists with bfloat16 asked for wherever the processor stands, and how many searched."""
    monkeypatch.setattr(similarity, "_bfloat16_pays", lambda matrix: True)
    searched = []
    plain = similarity._search_again

    def counting(matrix, doubtful, *rest):
        searched.append(len(doubtful))
        plain(matrix, doubtful, *rest)

    monkeypatch.setattr(similarity, "_search_again", counting)
    return nearest(rows, k), searched[0]


def clusters(n, d, people, spread, seed=0):
    rng = np.random.default_rng(seed)
    rows = unit_rows(people, d, seed)[rng.integers(0, people, n)]
    rows = rows + rng.normal(size=rows.shape).astype(np.float32) * np.float32(spread / np.sqrt(d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    ("n", "d", "people", "spread", "k"),
    [(900, 64, 45, 0.7, 20), (900, 300, 3, 0.02, 20), (700, 48, 700, 0.0, 5), (500, 33, 10, 0, 9)],
)
def test_bfloat16_scores_change_no_neighbour(monkeypatch, n, d, people, spread, k):
    """Clusters, a few tight knots, single points, and copies of a few points."""
    rows = clusters(n, d, people, spread)
    expected, expected_distances = loop_over_all_points(rows, k)
    got, _ = _bfloat16_lists(monkeypatch, rows, k)
    np.testing.assert_array_equal(got[0], expected)
    np.testing.assert_allclose(got[1], expected_distances, rtol=1e-6, atol=1e-12)


def test_bfloat16_leaves_hardly_a_row_of_clustered_features_in_doubt(monkeypatch):
    _, searched = _bfloat16_lists(monkeypatch, clusters(2000, 256, 100, 0.7), 30)
    assert searched < 100


@pytest.mark.parametrize("d", [16, 333, 2048])
@pytest.mark.parametrize("shared", [0.0, 1.0, 4.0])
def test_no_bfloat16_score_is_farther_off_than_its_error_says(d, shared):
    """`shared`: how much of one direction all rows have, as an encoder's features do."""
    rows = np.concatenate([unit_rows(150, d), clusters(150, d, 3, 0.1)]) + shared * unit_rows(1, d)
    rows = torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    coarse = similarity._rounded(rows)
    scores = candidates.products(coarse.rows, coarse.rows).float()
    scores = (scores + coarse.offsets + coarse.offsets[:, None]).double()
    off = (scores - rows.double() @ rows.double().T).abs().max()
    assert float(off) <= coarse.error
    assert coarse.error < (0.009 if shared < 4 else 0.002)  # otherwise it would rule nothing out


def test_rows_of_zeros_have_neighbours_too():
    rows = np.zeros((300, 5), dtype=np.float32)
    indices, _ = nearest(rows, 7)
    np.testing.assert_array_equal(indices[0], np.arange(7))
    np.testing.assert_array_equal(indices[9], [9, 0, 1, 2, 3, 4, 5])


def test_the_number_of_threads_changes_nothing():
    rows, before = unit_rows(2500, 8), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = nearest(rows, 5)
        torch.set_num_threads(3)
        three = nearest(rows, 5)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(one[0], three[0])
    np.testing.assert_array_equal(one[1], three[1])


@settings(max_examples=60, deadline=None)
@given(
    grid=arrays(
        np.int8, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(-2, 2)
    ),
    k=st.integers(1, 14),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_any_small_input_equals_the_loop(grid, k, dtype):
    lengths = np.linalg.norm(grid, axis=1, keepdims=True)
    rows = np.where(lengths > 0, grid / np.maximum(lengths, 1), 1 / np.sqrt(grid.shape[1]))
    rows = rows.astype(dtype)
    indices, distances = nearest(rows, k)
    expected, expected_distances = loop_over_all_points(rows.astype(np.float32), k)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(distances, expected_distances)


def test_smallest_orders_equal_values_by_index():
    indices, values = smallest(torch.tensor([[2.0, 0.0, 1.0, -0.0, 1.0]]), 4)
    np.testing.assert_array_equal(indices, [[1, 3, 2, 4]])
    np.testing.assert_array_equal(values, [[0, 0, 1, 1]])


def test_fewer_points_than_neighbours_gives_all_points():
    indices, _ = nearest(unit_rows(3, 4), 10)
    assert indices.shape == (3, 3)
    assert sorted(indices[1]) == [0, 1, 2]


def test_farthest_and_pair_products_equal_a_loop():
    rows = unit_rows(20, 3, seed=1)
    loop = np.array([[((a - b).astype(np.float64) ** 2).sum() for b in rows] for a in rows])
    np.testing.assert_allclose(farthest_distances(rows), loop.max(axis=1), atol=1e-6)
    i, j = np.array([0, 4, 19]), np.array([7, 4, 2])
    products = similarity.pair_products(torch.from_numpy(rows), i, j)
    np.testing.assert_allclose(2 - 2 * products, loop[i, j], atol=1e-6)


def test_bad_input_is_an_error():
    with pytest.raises(ShapeError):
        nearest(np.ones(3), 1)
    with pytest.raises(UsageError, match="NaN"):
        nearest(np.array([[np.nan, 1.0]]), 1)
    with pytest.raises(UsageError, match="k is 0"):
        nearest(unit_rows(3, 2), 0)
    with pytest.raises(UsageError, match="auto, faiss, torch"):
        nearest(unit_rows(3, 2), 1, "annoy")


def test_a_missing_faiss_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"gclbench\[cpu\]"):
        nearest(unit_rows(3, 2), 1, "faiss")
