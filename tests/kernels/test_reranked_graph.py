from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import DBSCAN

from gclbench.errors import UsageError
from gclbench.kernels import reranked_graph as module
from gclbench.kernels.reranked_graph import connected_clusters, reranked_graph
from tests.reciprocal import jaccard_loop


class Given:
    """Distances that a test writes down."""

    def __init__(self, matrix):
        self.matrix = np.asarray(matrix, dtype=np.float32)

    @property
    def n(self):
        return len(self.matrix)

    def columns(self, start, stop):
        return torch.from_numpy(self.matrix[:, start:stop].copy())

    def pairs(self, rows, columns):
        return self.matrix[rows, columns]


def asymmetric(n, seed):
    """Clustered points whose distances differ a little by direction."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n // 8, 4))[rng.integers(0, n // 8, n)] + 0.2 * rng.normal(
        size=(n, 4)
    )
    d = ((points[:, None] - points[None]) ** 2).sum(axis=-1) * rng.uniform(0.95, 1, size=(n, n))
    return d.astype(np.float32)


def loop_over_pairs(d, k1, k2, mix):
    """w of every pair, from the equations, on full matrices."""
    d = np.asarray(d, dtype=np.float64)
    shifted = d - d.min(axis=0)
    o = (shifted / shifted.max(axis=0)).T
    return (1 - mix) * jaccard_loop(o, k2, k1 + 1, round(k1 / 2) + 1) + mix * o


def test_oracle_r1_of_query_gallery_reranking():
    angle = np.deg2rad((0, 75, 12, 31, 90, 111))
    rows = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    graph = reranked_graph(Given(2 - 2 * rows @ rows.T), 3, 2, 0.3)
    expected = [[0.004826, 0.161156, 0.883884, 1], [0.884033, 0.734804, 0.013792, 0.204954]]
    np.testing.assert_allclose(graph.rows(0, 2)[:, 2:], expected, atol=2e-6)


@pytest.mark.parametrize(("k1", "k2", "mix"), [(6, 3, 0.3), (7, 1, 0.5), (12, 6, 0.0)])
def test_every_pair_of_an_asymmetric_input_equals_a_plain_loop(k1, k2, mix):
    d = asymmetric(60, seed=k1)
    graph = reranked_graph(Given(d), k1, k2, mix)
    expected, got = loop_over_pairs(d, k1, k2, mix), graph.rows(0, 60)
    off = ~np.eye(60, dtype=bool)
    np.testing.assert_allclose(got[off], expected[off], atol=2e-6)
    assert 0 < len(graph.upper) < 60 * 59 / 2
    assert not np.allclose(graph.upper, graph.lower, atol=1e-4) or mix == 0


def test_blocks_of_rows_change_nothing(monkeypatch):
    d = asymmetric(50, seed=1)
    whole = reranked_graph(Given(d), 6, 3, 0.3)
    monkeypatch.setattr(module, "_BLOCK", 7)
    parts = reranked_graph(Given(d), 6, 3, 0.3)
    np.testing.assert_array_equal(parts.rows(0, 50), whole.rows(0, 50))
    np.testing.assert_array_equal(
        np.concatenate([parts.rows(i, min(i + 9, 50)) for i in range(0, 50, 9)]),
        whole.rows(0, 50),
    )


@pytest.mark.parametrize("rho", [0.001, 0.03, 0.2, 0.9, 1.0])
@pytest.mark.parametrize("factor", [0.75, 1.3])
def test_clusters_equal_scikit_learn_on_the_full_matrix_whatever_rho(rho, factor):
    """Small rho stays among stored pairs; large rho reaches pairs that share no neighbour."""
    graph = reranked_graph(Given(asymmetric(80, seed=2)), 5, 2, 0.3)
    full = graph.rows(0, 80)
    labels, eps = connected_clusters(graph, rho, factor)
    pairs = np.sort(full[np.triu_indices(80, 1)].astype(np.float64))
    pairs = pairs[pairs > 0]
    count = max(1, round(rho * len(pairs)))
    assert eps == pytest.approx(factor * pairs[:count].mean(), rel=1e-6)
    expected = DBSCAN(eps=eps, min_samples=1, metric="precomputed").fit_predict(full)
    np.testing.assert_array_equal(labels, expected)


def test_a_large_eps_reaches_pairs_that_are_not_stored():
    graph = reranked_graph(Given(asymmetric(80, seed=3)), 5, 2, 0.3)
    few, small = connected_clusters(graph, 0.01, 1.0)
    all_in_one, large = connected_clusters(graph, 1.0, 1.3)
    assert small < 0.7 < large
    assert len(set(few.tolist())) > 3
    assert set(all_in_one.tolist()) == {0}


def test_two_points_use_their_only_distance():
    graph = reranked_graph(Given([[0, 0.4], [0.4, 0]]), 3, 1, 0.3)
    labels, eps = connected_clusters(graph, 1.6e-3, 1.0)
    assert eps == pytest.approx(graph.rows(0, 2)[0, 1])
    np.testing.assert_array_equal(labels, [0, 0])


def test_one_point_is_one_cluster():
    labels, eps = connected_clusters(reranked_graph(Given([[0.0]]), 3, 2, 0.3), 0.1, 1.0)
    np.testing.assert_array_equal(labels, [0])
    assert eps == 0


def test_bad_settings_are_errors():
    with pytest.raises(UsageError, match="mix"):
        reranked_graph(Given(np.zeros((3, 3))), 2, 1, 1.0)
    with pytest.raises(UsageError, match="k1 = 0"):
        reranked_graph(Given(np.zeros((3, 3))), 0, 1, 0.3)
    with pytest.raises(UsageError, match="NaN"):
        reranked_graph(Given([[0, np.nan], [1, 0]]), 2, 1, 0.3)
    with pytest.raises(UsageError, match="rho"):
        connected_clusters(reranked_graph(Given(np.zeros((3, 3))), 2, 1, 0.3), 0, 1.0)
