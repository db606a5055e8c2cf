"""Jaccard distance of rows of any length, against a dense loop in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels import raw_rows
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.kernels.raw_rows import least_distances, raw_jaccard_distances
from tests.reciprocal import jaccard_loop


def rows_of(n: int, seed: int, dim: int = 5) -> np.ndarray:
    """Clustered rows of very different lengths that share a direction."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n // 6, dim)) * rng.uniform(1, 9, (n // 6, 1))
    return (20 + centres[rng.integers(0, n // 6, n)] + rng.normal(size=(n, dim))).astype("f4")


def dense_loop(rows: np.ndarray, k1: int, k2: int) -> np.ndarray:
    """The classic neighbourhoods of rows of any length, sorted as float32."""
    x = rows.astype(np.float64)
    d = np.array([[((a - b) ** 2).sum() for b in x] for a in x])
    scaled = d / d.max(axis=1, keepdims=True)
    return jaccard_loop(scaled, k2, k1 + 1, round(k1 / 2) + 1, order=d.astype(np.float32))


@pytest.mark.parametrize(("k1", "k2"), [(6, 3), (7, 1), (20, 6)])
def test_every_pair_equals_a_dense_loop(k1: int, k2: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_rows, "_BLOCK", 16)
    monkeypatch.setattr(raw_rows, "_PAIRS", 50)
    rows = rows_of(70, k1)
    got = raw_jaccard_distances(rows, k1, k2).dense()
    expected = dense_loop(rows, k1, k2)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(got, expected, atol=2e-6)
    assert 0.1 < (got < 1).mean() < 0.9


def test_unit_rows_have_the_distances_of_the_kernel_for_unit_rows() -> None:
    rows = torch.nn.functional.normalize(torch.from_numpy(rows_of(60, 1) - 20))
    got = raw_jaccard_distances(rows, 8, 3).dense()
    np.testing.assert_allclose(got, jaccard_distances(rows, 8, 3, "classic").dense(), atol=2e-6)


def test_the_unit_of_the_rows_changes_nothing_and_their_length_does() -> None:
    rows = rows_of(60, 2)
    got = raw_jaccard_distances(rows, 8, 3).dense()
    np.testing.assert_allclose(raw_jaccard_distances(4 * rows, 8, 3).dense(), got, atol=1e-6)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.abs(raw_jaccard_distances(unit, 8, 3).dense() - got).max() > 0.3


def test_least_distances_equal_a_loop() -> None:
    rows, others = rows_of(30, 3), rows_of(12, 4)
    expected = [min(((a - b) ** 2).sum() for b in others.astype("f8")) for a in rows.astype("f8")]
    np.testing.assert_allclose(least_distances(rows, others), expected, rtol=1e-9)


def test_few_and_equal_rows_are_fine_and_wrong_ones_are_errors() -> None:
    assert raw_jaccard_distances(np.ones((1, 3)), 20, 6).dense().tolist() == [[0]]
    np.testing.assert_allclose(raw_jaccard_distances(np.ones((9, 3)), 20, 6).dense(), 0, atol=0)
    with pytest.raises(UsageError, match="k1 = 0"):
        raw_jaccard_distances(np.ones((4, 3)), 0, 1)
    with pytest.raises(ShapeError, match="D must be one"):
        least_distances(np.ones((4, 3)), np.ones((4, 2)))
