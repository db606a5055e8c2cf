"""The kernels for anybody's features: worked answers, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import gclbench
from gclbench.errors import ShapeError, UsageError

RNG = np.random.default_rng(2)


def test_evaluate_gives_the_worked_example_in_percent() -> None:
    distances = np.array(
        [
            [0.10, 0.50, 0.20, 0.30, 0.15, 0.05, 0.70, 0.60],
            [0.35, 0.55, 0.02, 0.15, 0.65, 0.25, 0.45, 0.75],
            [0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80],
        ]
    )
    toward = (1 - distances.T) * 0.5
    rest = np.sqrt(1 - (toward**2).sum(axis=1, keepdims=True))
    gallery = 7 * np.hstack([toward, rest])
    people = [1, 1, 2, 0, 1, -1, 2, 1], [1, 2, 2, 3, 3, 2, 3, 2]
    found = gclbench.evaluate(
        3 * np.eye(4)[:3], gallery, [1, 2, 3], people[0], [1, 2, 1], people[1], nearest=3
    )
    assert found.metrics() == pytest.approx(
        {"mAP": 51.66667, "R1": 50.0, "R5": 100.0, "R10": 100.0, "mINP": 46.66667}, abs=1e-4
    )
    assert str(found) == "mAP 51.7  R1 50.0  R5 100.0  R10 100.0  mINP 46.7"
    assert found.ranking.nearest[0].tolist() == [4, 2, 3]
    same = gclbench.evaluate(
        torch.eye(4)[:3], torch.from_numpy(gallery), [1, 2, 3], people[0], [1, 2, 1], people[1]
    )
    assert same.mAP == pytest.approx(found.mAP)


def test_equal_distances_can_be_one_place() -> None:
    gallery = np.array([[1.0, 0.0], [0.6, 0.8], [0.6, -0.8], [0.0, 1.0]])
    query = np.array([[1.0, 0.0]])

    def ap(rule: Any, ids: list[int]) -> float:
        found = gclbench.evaluate(query, gallery, [1], ids, [0], [1] * 4, average_precision=rule)
        return round(found.mAP, 4)

    assert ap("step", [1, 1, 2, 2]) == 100.0
    assert ap("step", [1, 2, 1, 2]) == ap("grouped", [1, 2, 1, 2]) == 83.3333
    assert ap("grouped", [1, 1, 2, 2]) == 83.3333
    assert ap("trapezoid", [1, 2, 1, 2]) == 79.1667


def test_features_of_any_length_are_clustered_as_their_unit_rows() -> None:
    centres = RNG.standard_normal((4, 16))
    rows = np.repeat(centres, 12, axis=0) + 0.05 * RNG.standard_normal((48, 16))
    scaled = rows * RNG.uniform(0.1, 9, (48, 1))
    distance = gclbench.jaccard(scaled, k1=8, k2=3)
    np.testing.assert_allclose(
        distance.dense(), gclbench.jaccard(rows, k1=8, k2=3).dense(), atol=1e-5
    )
    labels = gclbench.dbscan(distance, eps=0.6, min_samples=2)
    np.testing.assert_array_equal(labels, np.repeat(np.arange(4), 12))
    np.testing.assert_array_equal(
        gclbench.dbscan(distance.dense(), eps=0.6, min_samples=2), labels
    )
    with pytest.raises(UsageError, match="eps is 1"):
        gclbench.dbscan(distance.dense(), eps=1.0)


def test_reranking_brings_the_mutual_neighbours_of_a_query_forward() -> None:
    centres = RNG.standard_normal((3, 8))
    query, gallery = centres + 0.01, np.repeat(centres, 5, axis=0) + 0.02
    distance = gclbench.rerank(5 * query, 2 * gallery, k1=4, k2=2)
    assert distance.shape == (3, 15)
    order = np.argsort(distance, axis=1)[:, :5]
    assert [set(row.tolist()) for row in order] == [set(range(5 * i, 5 * i + 5)) for i in range(3)]


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ShapeError, match="features are"):
        gclbench.evaluate(np.ones((2, 3)), np.ones((2, 4)), [1, 1], [1, 1], [0, 0], [1, 1])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rows_of_zeros_are_refused_by_number(kind: type) -> None:
    rows = np.eye(4, dtype=kind)
    rows[2] *= 1e-20
    rows[3] = 0
    ones = np.ones(4, dtype=int)
    for ask in (
        lambda: gclbench.jaccard(rows),
        lambda: gclbench.rerank(rows, np.eye(4)),
        lambda: gclbench.rerank(np.eye(4), rows),
        lambda: gclbench.evaluate(np.eye(4), rows, ones, ones, ones, 2 * ones),
    ):
        with pytest.raises(UsageError, match=r"2 of 4 features are zero \(row 2, 3\)"):
            ask()
