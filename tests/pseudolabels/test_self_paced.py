from __future__ import annotations

import numpy as np
import pytest

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.dbscan import dbscan
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.pseudolabels.self_paced import overlap_loss, reliable, self_paced_labels


def labels(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def by_pairs(first: np.ndarray, second: np.ndarray) -> list[float]:
    """The same as a loop over all pairs, with sets."""

    def sets(of: np.ndarray) -> list[set[int]]:
        return [
            {j for j in range(len(of)) if j == i or (of[i] >= 0 and of[j] == of[i])}
            for i in range(len(of))
        ]  # fmt: skip

    return [1 - len(a & b) / len(a | b) for a, b in zip(sets(first), sets(second), strict=True)]


def test_overlap_loss_by_hand() -> None:
    found = overlap_loss(labels(0, 0, 0, 1, -1), labels(0, 0, 1, 1, -1))
    # {0,1,2} against {0,1}; {0,1,2} against {2,3}; {3} against {2,3}; alone twice.
    assert found.tolist() == pytest.approx([1 / 3, 1 / 3, 3 / 4, 1 / 2, 0])


def test_overlap_loss_equals_sets_of_points() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(-1, 4, (2, 17))
        assert overlap_loss(first, second) == pytest.approx(by_pairs(first, second))


def test_labels_that_do_not_change_are_all_kept() -> None:
    same = labels(0, 0, 1, 1, 1, -1)
    found = reliable(same, same, same)
    assert found.labels.tolist() == [0, 0, 1, 1, 1, 2]
    assert (found.groups, found.clusters, found.found, found.limit) == (3, 2, 2, 0.0)


def test_a_cluster_that_a_looser_radius_joins_with_another_is_dissolved() -> None:
    normal = labels(0, 0, 1, 1, 1, 2, 2)
    loose = labels(0, 0, 1, 1, 1, 1, 1)
    found = reliable(normal, normal, loose, limit=0.0)
    assert found.labels.tolist() == [0, 0, 1, 2, 3, 4, 5]
    assert (found.clusters, found.found) == (1, 3)


def test_images_that_a_tighter_radius_parts_stand_alone() -> None:
    normal, tight = labels(0, 0, 0, 0, 1, 1), labels(0, 0, 0, -1, 1, 1)
    found = reliable(normal, tight, normal)
    assert found.labels.tolist() == [0, 0, 0, 2, 1, 1]


def test_images_that_are_equally_compact_all_stay() -> None:
    normal = labels(0, 0, 1, 1)
    assert reliable(normal, labels(-1, -1, 0, 0), normal).labels.tolist() == [0, 0, 1, 1]


def test_a_cluster_of_which_one_image_stays_is_a_single_image() -> None:
    # Images 1 and 2 keep two thirds of their cluster and image 0 a quarter; image 3 was alone.
    normal, tight = labels(0, 0, 0, 1), labels(0, 1, 1, 0)
    found = reliable(normal, tight, normal)
    assert found.labels.tolist() == [1, 0, 0, 2]
    assert (found.clusters, found.groups, found.found) == (1, 3, 2)


def test_the_limit_is_the_first_epochs_90th_percent_and_stays() -> None:
    # Ten clusters of two; the loose radius adds 0 ... 9 single images to them.
    normal, loose = [], []
    for cluster in range(10):
        normal += [cluster, cluster, *[-1] * cluster]
        loose += [cluster] * (2 + cluster)
    first = reliable(labels(*normal), labels(*normal), labels(*loose))
    assert first.limit == pytest.approx(1 - 2 / 11)  # place round(0.9 * 10) = 9, the last one
    assert first.clusters == 10
    half = reliable(labels(*normal), labels(*normal), labels(*loose), share=0.5)
    assert half.limit == pytest.approx(1 - 2 / 7)
    assert half.clusters == 6
    later = reliable(labels(*normal), labels(*normal), labels(*loose), limit=half.limit)
    assert (later.limit, later.clusters) == (half.limit, 6)


def test_without_any_cluster_all_are_alone_and_the_limit_waits() -> None:
    none = labels(-1, -1, -1)
    found = reliable(none, none, none)
    assert found.labels.tolist() == [0, 1, 2]
    assert (found.clusters, found.limit) == (0, None)


def test_rows_are_clustered_at_three_radii() -> None:
    rng = np.random.default_rng(1)
    rows = np.repeat(rng.normal(size=(6, 8)), 5, axis=0) + rng.normal(0, 0.25, (30, 8))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    distances = jaccard_distances(rows, 6, 2)
    three = [dbscan(distances, eps, 2) for eps in (0.5, 0.3, 0.7)]
    expected = reliable(*three)
    found = self_paced_labels(rows, k1=6, k2=2, eps=0.5, eps_gap=0.2, min_samples=2)
    assert found.labels.tolist() == expected.labels.tolist()
    assert found.clusters > 0
    assert sorted(set(found.labels.tolist())) == list(range(found.groups))


def test_wrong_input_is_an_error() -> None:
    with pytest.raises(ShapeError, match="labellings"):
        overlap_loss(labels(0), labels(0, 1))
    with pytest.raises(UsageError, match="share"):
        reliable(labels(0), labels(0), labels(0), share=1.5)
    with pytest.raises(UsageError, match="eps"):
        self_paced_labels(np.eye(3, dtype=np.float32), eps=0.9, eps_gap=0.2)
