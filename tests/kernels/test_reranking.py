from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels import reranking
from gclbench.kernels.ranking import evaluate_distances, evaluate_ranking
from gclbench.kernels.reranking import reranked_blocks
from tests.reciprocal import jaccard_loop


def dense_loop(query, gallery, k1, k2, mix):
    """Section 6 of the evaluation facts on full matrices, one point at a time."""
    x = np.concatenate([query, gallery]).astype(np.float32).astype(np.float64)
    squared = np.float32(np.maximum(2 - 2 * x @ x.T, 0)).astype(np.float64)
    np.fill_diagonal(squared, 0)
    d = (squared / np.maximum(squared.max(axis=0), 1e-12)).T
    whole = jaccard_loop(d, k2, k1 + 1, round(k1 / 2) + 1, order=squared)
    return ((1 - mix) * whole + mix * d)[: len(query), len(query) :]


def people(queries, gallery, d, seed):
    """Unit rows around a few centres, so that neighbourhoods overlap."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(5, d))
    rows = centres[rng.integers(0, 5, queries + gallery)]
    rows = rows + 0.6 * rng.normal(size=rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows.astype(np.float32)
    return rows[:queries], rows[queries:]


def whole(*arguments, **options):
    return np.concatenate(list(reranked_blocks(*arguments, **options)))


def test_oracle_r1():
    angles = np.radians([0, 75, 12, 31, 90, 111])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    expected = [[0.004826, 0.161156, 0.883884, 1], [0.884033, 0.734804, 0.013792, 0.204954]]
    got = whole(rows[:2], rows[2:], k1=3, k2=2, mix=0.3)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    jaccard = [[0, 0.185159, 0.947187, 1], [0.947187, 0.887435, 0, 0.182360]]
    got = whole(rows[:2], rows[2:], k1=3, k2=2, mix=0)
    np.testing.assert_allclose(got, jaccard, atol=1e-6)
    distances = [[0.016087, 0.105150, 0.736178, 1], [0.736675, 0.378666, 0.045973, 0.257674]]
    got = whole(rows[:2], rows[2:], k1=3, k2=2, mix=1)
    np.testing.assert_allclose(got, distances, atol=1e-6)


@pytest.mark.parametrize("k1, k2, mix", [(20, 6, 0.3), (7, 1, 0.5), (5, 3, 0.0), (80, 6, 0.3)])
def test_reranked_distances_equal_a_dense_loop(k1, k2, mix):
    query, gallery = people(13, 48, 6, seed=k1)
    expected = dense_loop(query, gallery, k1, k2, mix)
    np.testing.assert_allclose(whole(query, gallery, k1, k2, mix), expected, atol=2e-6)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.int8, st.tuples(st.integers(2, 10), st.just(3)), elements=st.integers(-1, 1)),
    st.integers(1, 9),
    st.integers(1, 11),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_any_small_input_equals_a_dense_loop(grid, queries, k1, k2, mix, dtype):
    rows = grid + np.array([0.0, 0.0, 1.5])  # duplicates stay, a row of zeros does not
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)
    assume((rows != rows[0]).any())  # one point alone has no largest distance to divide by
    queries, k2 = min(queries, len(rows) - 1), min(k2, k1 + 1)
    expected = dense_loop(rows[:queries], rows[queries:], k1, k2, mix)
    got = whole(rows[:queries], rows[queries:], k1, k2, mix)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_size_of_blocks_changes_no_number(monkeypatch):
    query, gallery = people(13, 48, 6, seed=2)
    expected = whole(query, gallery)
    parts = list(reranked_blocks(query, gallery, block=5))
    assert [len(part) for part in parts] == [5, 5, 3]
    assert all(part.dtype == np.float32 for part in parts)
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-6)
    monkeypatch.setattr(reranking, "_BLOCK_BYTES", 4 * 61 * 4)
    assert [len(part) for part in reranked_blocks(query, gallery)] == [4, 4, 4, 1]


def test_mix_one_keeps_the_order_of_the_distances():
    query, gallery = people(20, 60, 8, seed=3)
    rng = np.random.default_rng(3)
    labels = [rng.integers(0, 4, size) for size in (20, 20, 60, 60)]
    expected = evaluate_ranking(query, gallery, *labels)
    got = evaluate_distances(reranked_blocks(query, gallery, mix=1, block=7), *labels)
    np.testing.assert_array_equal(got.first_match, expected.first_match)


def test_a_neighbour_of_neighbours_comes_before_a_lone_point_at_equal_distance():
    # 0 degrees asks; -30 stands alone, 30 belongs to a chain that begins at the query.
    degrees = np.radians([0, -30, 30, 10, 15, 20, 180, 200, 220])
    rows = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    got = whole(rows[:1], rows[1:], k1=4, k2=2, mix=0.3)[0]
    assert got[1] < got[0] - 0.1


def test_equal_rows_are_finite_and_equally_far():
    rows = np.tile(np.float32([[0.6, 0.8]]), (12, 1))
    got = whole(rows[:4], rows[4:], k1=3, k2=2)
    assert np.isfinite(got).all()
    assert ((got >= 0) & (got <= 1)).all()


@pytest.mark.gpu
def test_features_on_a_gpu_give_the_same_distances():
    query, gallery = (torch.from_numpy(rows) for rows in people(13, 48, 6, seed=4))
    expected = whole(query, gallery)
    np.testing.assert_allclose(whole(query.cuda(), gallery.cuda()), expected, atol=1e-5)


@pytest.mark.parametrize(
    "options, word",
    [({"mix": 1.1}, "mix"), ({"mix": -0.1}, "mix"), ({"mix": float("nan")}, "mix"),
     ({"k1": 0}, "k1"), ({"k2": 0}, "k2"), ({"block": 0}, "block")],
)  # fmt: skip
def test_settings_out_of_their_limits_are_an_error_before_any_work(options, word):
    with pytest.raises(UsageError, match=word):
        reranked_blocks(*people(3, 4, 2, seed=0), **options)


def test_features_that_cannot_be_ranked_are_an_error_before_any_block():
    rows = np.eye(3, dtype=np.float32)
    with pytest.raises(ShapeError, match="features"):
        reranked_blocks(rows, np.ones((2, 4), np.float32))
    with pytest.raises(UsageError, match="0 gallery items"):
        reranked_blocks(rows, rows[:0])
    with pytest.raises(UsageError, match="0 queries"):
        reranked_blocks(rows[:0], rows)
    with pytest.raises(UsageError, match="NaN"):
        reranked_blocks(rows, np.full((2, 3), np.nan, np.float32))
