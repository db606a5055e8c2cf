from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels import merging
from gclbench.kernels.merging import GRID, merge_clusters

LINE = np.array([[0.0], [0.1], [0.2], [0.9], [1.65]], dtype=np.float32)
SINGLE = np.arange(5)


def merge_by_sorting(
    features: np.ndarray, labels: np.ndarray, merges: int, penalty: float
) -> np.ndarray:
    """All pairs, sorted, one after the other, as the official code does it."""
    x, sizes, pairs = features.astype(np.float64), np.bincount(labels), []
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            gap = float(((x[i] - x[j]) ** 2).sum())
            gap += penalty * (sizes[labels[i]] + sizes[labels[j]])
            if labels[i] != labels[j]:
                pairs.append((round(gap * GRID), i, j))
    new = labels.copy()
    for _, i, j in sorted(pairs):
        a, b = sorted((new[i], new[j]))
        if a != b and merges > 0:
            new[new == b] = a
            merges -= 1
    order = {old: place for place, old in enumerate(sorted(set(new.tolist())))}
    return np.array([order[label] for label in new.tolist()])


def people(seed: int, count: int, each: int, spread: float, dim: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.normal(size=(count, dim)), each, axis=0)
    rows += spread * rng.normal(size=rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("penalty", [0.0, 0.003, 0.1])
@pytest.mark.parametrize("seed", range(4))
def test_rounds_equal_a_loop_over_all_sorted_pairs(
    seed: int, penalty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "_BLOCK", 7)  # several blocks, and pairs thrown away between
    features = people(seed, 12, 5, 0.3)
    order = np.random.default_rng(seed).permutation(len(features))
    labels = np.arange(len(features))[order]
    for merges in (6, 12, 1, 20, 0, 9):
        expected = merge_by_sorting(features, labels, merges, penalty)
        labels_now = merge_clusters(features, labels, merges, penalty)
        assert labels_now.tolist() == expected.tolist()
        labels = labels_now


def test_ties_are_broken_by_the_indices_of_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "_BLOCK", 3)
    # A grid: every distance occurs many times; duplicates lie at 0.
    grid = np.array([[x, y] for x in range(4) for y in range(4)] * 2, dtype=np.float32)
    labels = np.random.default_rng(1).permutation(len(grid))
    for merges in (3, 10, 16, 20, 31):
        expected = merge_by_sorting(grid, labels, merges, 0.003)
        assert merge_clusters(grid, labels, merges, 0.003).tolist() == expected.tolist()


@pytest.mark.parametrize(
    "penalty, expected", [(0.0, [0, 0, 0, 0, 1]), (0.003, [0, 0, 0, 0, 1]), (0.1, [0, 0, 0, 1, 1])]
)
def test_the_size_penalty_saves_large_clusters_from_merging(
    penalty: float, expected: list[int]
) -> None:
    assert merge_clusters(LINE, [0, 0, 0, 1, 2], 1, penalty).tolist() == expected


def test_clusters_merge_in_chains_within_one_round() -> None:
    assert merge_clusters(LINE, SINGLE, 2, 0.0).tolist() == [0, 0, 0, 1, 2]
    assert merge_clusters(LINE, SINGLE, 3, 0.0).tolist() == [0, 0, 0, 0, 1]


def test_a_round_coarsens_the_partition_by_exactly_the_merges_asked_for() -> None:
    features = people(3, 20, 4, 0.4)
    labels = np.arange(len(features))
    for _ in range(5):
        new = merge_clusters(features, labels, 7, 0.003)
        assert sorted(set(new.tolist())) == list(range(labels.max() + 1 - 7))
        for cluster in range(labels.max() + 1):
            assert len(set(new[labels == cluster].tolist())) == 1
        labels = new


def test_without_a_penalty_it_is_single_linkage() -> None:
    features = people(5, 10, 6, 0.5).astype(np.float64)
    tree = linkage(features, "single")
    for merges in (5, 30, 55):
        ours = merge_clusters(features, np.arange(60), merges, 0.0)
        theirs = fcluster(tree, 60 - merges, "maxclust")
        assert len(set(zip(ours.tolist(), theirs.tolist(), strict=True))) == 60 - merges


def test_a_huge_penalty_merges_the_smallest_two_and_of_equals_the_nearest() -> None:
    features = np.array([[0.0], [0.01], [0.02], [5.0], [9.0], [9.5]], dtype=np.float32)
    labels = [0, 0, 1, 2, 2, 3]  # sizes 2, 1, 2, 1
    assert merge_clusters(features, labels, 1, 1e4).tolist() == [0, 0, 1, 2, 2, 1]
    assert merge_clusters(features, np.arange(6), 1, 1e4).tolist() == [0, 0, 1, 2, 3, 4]


def test_all_may_become_one_and_none_may_change() -> None:
    assert set(merge_clusters(LINE, SINGLE, 4, 0.5).tolist()) == {0}
    assert merge_clusters(LINE, SINGLE, 0, 0.5).tolist() == SINGLE.tolist()


def test_the_order_of_the_samples_does_not_matter_without_ties() -> None:
    features = people(7, 15, 4, 0.3)
    order = np.random.default_rng(2).permutation(60)
    straight = merge_clusters(features, np.arange(60), 25, 0.003)
    shuffled = merge_clusters(features[order], np.arange(60), 25, 0.003)
    assert len(set(zip(straight[order].tolist(), shuffled.tolist(), strict=True))) == 35


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ShapeError):
        merge_clusters(LINE, [0, 1], 1, 0.0)
    for labels, merges, penalty in (
        ([0, 1, 2, 3, 5], 1, 0.0),
        ([0, 1, 2, 3, -1], 1, 0.0),
        (SINGLE, 5, 0.0),
        (SINGLE, -1, 0.0),
        (SINGLE, 1, -0.1),
    ):
        with pytest.raises(UsageError):
            merge_clusters(LINE, labels, merges, penalty)
    with pytest.raises(UsageError, match="NaN"):
        merge_clusters(LINE * np.nan, SINGLE, 1, 0.0)
