from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels import silhouette as module
from gclbench.kernels.silhouette import silhouette


@pytest.mark.parametrize("clusters", [2, 5, 30])
def test_equals_scikit_learn(clusters: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 11)
    rng = np.random.default_rng(clusters)
    features = rng.normal(size=(80, 5)).astype(np.float32)
    labels = np.concatenate([np.arange(clusters), rng.integers(0, clusters, 80 - clusters)])
    expected = silhouette_score(features.astype(np.float64), labels)
    assert silhouette(features, labels) == pytest.approx(expected, abs=1e-9)


def test_two_far_pairs_by_hand() -> None:
    features = np.array([[0.0], [1.0], [10.0], [12.0]])
    each = [1 - 1 / 11, 1 - 1 / 10, 1 - 2 / 9.5, 1 - 2 / 11.5]
    assert silhouette(features, [0, 0, 1, 1]) == pytest.approx(sum(each) / 4)


def test_lone_samples_one_cluster_and_one_point_count_nothing() -> None:
    features = np.random.default_rng(0).normal(size=(6, 3))
    assert silhouette(features, np.arange(6)) == 0
    assert silhouette(features, np.zeros(6, int)) == 0
    assert silhouette(np.ones((4, 2)), [0, 0, 1, 1]) == 0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ShapeError):
        silhouette(np.ones((4, 2)), [0, 1])
    with pytest.raises(UsageError):
        silhouette(np.ones((2, 2)), [0, -1])
