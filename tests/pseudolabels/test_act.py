from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import DBSCAN

from gclbench.errors import ShapeError, UsageError
from gclbench.pseudolabels import act as module
from gclbench.pseudolabels.act import (
    act_distances,
    act_labels,
    distance_from_source,
    nearest_inlier,
)
from tests.reciprocal import jaccard_loop


def unit(rows):
    rows = torch.as_tensor(np.asarray(rows), dtype=torch.float32)
    return torch.nn.functional.normalize(rows, dim=1)


def people(n, seed, dim=6, spread=0.35):
    """Clustered unit rows, some of them far from any cluster."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(n // 8, 1), dim))
    rows = centres[rng.integers(0, len(centres), n)] + spread * rng.normal(size=(n, dim))
    rows[:: max(n // 6, 2)] = rng.normal(size=rows[:: max(n // 6, 2)].shape)
    return unit(rows)


def loop_over_pairs(target, source, k1, k2, weight, floor=0.0):
    """D of every pair, from the equations, on full matrices in float64; rows of any length."""
    x, y = target.numpy().astype(np.float64), source.numpy().astype(np.float64)
    d = np.array([[max(((a - b) ** 2).sum(), floor) for b in x] for a in x])
    original = np.array([column / column.max() for column in d.T])
    jaccard = jaccard_loop(original, k2, k1 + 1, round(k1 / 2) + 1)
    far = [min(1 - np.exp(-max(((a - b) ** 2).sum(), 1e-5)) for b in y) for a in x]
    far = np.array(far) / (max(far) + 1e-3)
    return (1 - weight) * jaccard + weight * (far[:, None] + far[None, :])


def above(n):
    return np.triu_indices(n, 1)


def dense(distances):
    full = distances.rows(0, distances.jaccard.n)
    return full + full.T


def test_the_source_term_of_three_points():
    half = np.sqrt(0.5)
    target = torch.tensor([(1, 0), (half, half), (-1, 0)], dtype=torch.float32)
    apart = distance_from_source(target, torch.tensor([(1.0, 0), (0, 1)]))
    assert apart == pytest.approx([1.16e-5, 0.512129, 0.998845], rel=5e-3, abs=1e-7)
    assert apart[1:] == pytest.approx([0.512129, 0.998845], abs=2e-6)
    assert apart[0] + apart[1] == pytest.approx(0.512141, abs=2e-6)
    assert 2 * apart[2] == pytest.approx(1.997690, abs=2e-6)


def test_the_source_term_lies_below_one_and_blocks_change_nothing(monkeypatch):
    target, source = people(40, 0), people(15, 1)
    whole = distance_from_source(target, source)
    assert whole.min() >= 0
    assert 0.99 < whole.max() < 1
    monkeypatch.setattr(module, "_BLOCK", 7)
    np.testing.assert_allclose(distance_from_source(target, source), whole, atol=1e-6)


@pytest.mark.parametrize(("k1", "k2", "weight"), [(6, 3, 0.1), (7, 1, 0.4), (12, 6, 0.0)])
def test_every_pair_equals_a_plain_loop(k1, k2, weight):
    target, source = people(60, seed=k1), people(20, seed=9)
    distances = act_distances(target, source, k1=k1, k2=k2, source_weight=weight)
    expected = loop_over_pairs(target, source, k1, k2, weight)
    np.testing.assert_allclose(dense(distances)[above(60)], expected[above(60)], atol=3e-6)
    assert 0 < len(distances.values) < 60 * 59 / 2


def test_the_floor_that_is_left_out_moves_nothing_but_rounding():
    target, source = people(60, 3), people(20, 9)
    with_floor = loop_over_pairs(target, source, 6, 3, 0.1, floor=1e-5)
    without = loop_over_pairs(target, source, 6, 3, 0.1)
    assert np.abs(with_floor - without).max() < 1e-5


def test_without_the_source_term_identical_neighbourhoods_are_0_and_disjoint_ones_1():
    rows = unit([(1, 0, 0)] * 4 + [(0, 0, 1)] * 4)
    distances = act_distances(rows, unit([(1, 1, 1)]), k1=3, k2=2, source_weight=0.0)
    full = dense(distances)
    np.testing.assert_allclose(full[:4, :4], 0, atol=4e-3)
    np.testing.assert_array_equal(full[:4, 4:], 1)


@pytest.mark.parametrize("rho", [0.001, 0.03, 0.1, 0.12, 1.0])
def test_eps_is_the_mean_of_the_smallest_of_all_pairs_whatever_rho(rho, monkeypatch):
    """Small rho stays among stored pairs; from 0.1 on pairs without common neighbours count."""
    monkeypatch.setattr(module, "_BLOCK", 32)
    target, source = people(80, 2), people(20, 3)
    distances = act_distances(target, source, k1=5, k2=2, source_weight=0.1)
    pairs = np.sort(dense(distances)[above(80)].astype(np.float64))
    count = max(1, round(rho * len(pairs)))
    assert distances.eps(rho) == pytest.approx(pairs[:count].mean(), rel=1e-9)
    assert (count > len(distances.values)) == (rho > 0.1)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("eps", [0.3, 0.6, 0.89])
def test_clusters_equal_scikit_learn_on_the_full_matrix(seed, eps):
    target, source = people(80, seed), people(20, seed + 10)
    distances = act_distances(target, source, k1=6, k2=3, source_weight=0.1)
    expected = DBSCAN(eps=eps, min_samples=4, metric="precomputed").fit_predict(dense(distances))
    np.testing.assert_array_equal(distances.clusters(eps, 4), expected)


def test_an_eps_that_reaches_pairs_without_common_neighbours_is_refused():
    target, source = people(60, 0), people(20, 1)
    with pytest.raises(UsageError, match=r"below 0\.9.*warmup\.act\.rho"):
        act_labels(target, source, k1=4, k2=2, rho=1.0)
    distances = act_distances(target, source, k1=4, k2=2, source_weight=0.1)
    least = float(distances.least_apart)
    full = dense(distances)
    stored = np.zeros_like(full, dtype=bool)
    rows = np.repeat(np.arange(60), np.diff(distances.jaccard.indptr))
    stored[rows, distances.jaccard.indices] = True
    assert 0.9 < least <= full[np.triu(~stored, 1)].min()
    expected = DBSCAN(eps=0.9, min_samples=4, metric="precomputed").fit_predict(full)
    np.testing.assert_array_equal(distances.clusters(0.9, 4), expected)
    with pytest.raises(UsageError, match=r"below 0\.9"):
        distances.clusters(least, 4)


def raw(n, seed, dim=6):
    """People as averages of a trunk come: not negative, of different lengths."""
    rng = np.random.default_rng(seed)
    rows = people(n, seed, dim).abs() * torch.as_tensor(rng.uniform(2, 20, (n, 1)))
    return rows.float()


@pytest.mark.parametrize(("k1", "k2"), [(6, 3), (12, 6)])
def test_raw_rows_have_the_distances_of_a_plain_loop(k1, k2):
    target, source = raw(60, k1), raw(20, 9)
    distances = act_distances(target, source, k1=k1, k2=k2, source_weight=0.1, unit=False)
    expected = loop_over_pairs(target, source, k1, k2, 0.1)
    np.testing.assert_allclose(dense(distances)[above(60)], expected[above(60)], atol=3e-6)
    at_unit_length = act_distances(unit(target), unit(source), k1=k1, k2=k2, source_weight=0.1)
    assert np.abs(dense(at_unit_length) - dense(distances)).max() > 0.3


def test_far_from_a_source_of_raw_rows_all_are_equally_far():
    apart = distance_from_source(30 * raw(40, 0), 30 * raw(15, 1), unit=False)
    assert apart.min() > 0.99
    assert apart.max() == pytest.approx(1 / 1.001)


def test_raw_rows_are_labelled_as_scikit_learn_does_on_the_full_matrix():
    target, source = 5 * raw(80, 3), 5 * raw(20, 4)
    found = act_labels(target, source, k1=8, k2=3, rho=0.06, unit=False)
    expected = loop_over_pairs(target, source, 8, 3, 0.1)
    pairs = np.sort(expected[above(80)])
    assert found.eps == pytest.approx(pairs[: round(0.06 * len(pairs))].mean(), rel=1e-5)
    labels = DBSCAN(eps=found.eps, min_samples=4, metric="precomputed").fit_predict(expected)
    np.testing.assert_array_equal(np.where(found.inliers, found.labels, -1), labels)
    assert found.clusters > 2
    assert not found.inliers.all()


def test_outliers_take_the_label_of_the_nearest_inlier_image():
    target, source = people(90, 5), people(20, 6)
    found = act_labels(target, source, k1=6, k2=3, rho=0.05)
    inliers, outliers = np.flatnonzero(found.inliers), np.flatnonzero(~found.inliers)
    assert len(inliers) > 20
    assert len(outliers) > 5
    assert set(found.labels[outliers]) <= set(found.labels[inliers]) == set(range(found.clusters))
    rows = target.numpy().astype(np.float64)
    for i in outliers:
        nearest = min(inliers, key=lambda j: ((rows[i] - rows[j]) ** 2).sum())
        assert found.labels[i] == found.labels[nearest]


def test_equally_near_inliers_go_by_index_also_across_blocks(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 2)
    rows = unit([(0, 1)] * 3 + [(1, 0)] * 5 + [(0, 1)])
    labels = np.array([2, 1, -1, -1, -1, -1, 3, 0, -1])
    assert nearest_inlier(rows, labels).tolist() == [2, 1, 2, 3, 3, 3, 3, 0, 2]


def test_without_any_inlier_labels_stay():
    found = act_labels(people(12, 0, spread=3), people(5, 1), k1=2, k2=1, min_samples=12)
    assert found.clusters == 0
    assert not found.inliers.any()
    assert set(found.labels.tolist()) == {-1}


def test_a_given_eps_is_kept():
    target, source = people(60, 1), people(20, 2)
    first = act_labels(target, source, k1=6, k2=3, rho=0.02)
    assert act_labels(people(60, 3), source, eps=first.eps, k1=6, k2=3).eps == first.eps
    assert act_labels(people(60, 3), source, k1=6, k2=3, rho=0.02).eps != first.eps


def test_bad_input_is_an_error():
    target, source = people(12, 0), people(5, 1)
    with pytest.raises(UsageError, match="source_weight"):
        act_labels(target, source, source_weight=1.0)
    with pytest.raises(UsageError, match="rho"):
        act_labels(target, source, rho=0.0)
    with pytest.raises(UsageError, match="k1 = 0"):
        act_labels(target, source, k1=0)
    with pytest.raises(ShapeError, match="one D"):
        act_labels(target, people(5, 1, dim=4))
    with pytest.raises(UsageError, match="NaN"):
        act_labels(target * float("nan"), source)
