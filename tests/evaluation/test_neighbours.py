from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gclbench.errors import ShapeError, UsageError
from gclbench.evaluation.neighbours import nearest_images


def unit(count: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(count, 16, generator=torch.Generator().manual_seed(seed)))


def test_the_nearest_are_those_of_a_plain_loop() -> None:
    features, query = unit(30, 1), unit(1, 2)[0]
    rows, distances = nearest_images(query, features, 7)
    plain = np.array([float(((query - row).double() ** 2).sum()) for row in features])
    assert rows.tolist() == np.argsort(plain)[:7].tolist()
    np.testing.assert_allclose(distances, np.sort(plain)[:7], atol=1e-6)


def test_ties_go_by_row_and_top_is_capped() -> None:
    features = unit(1, 1).repeat(4, 1)
    rows, distances = nearest_images(features[0], features, 9)
    assert rows.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(distances, 0, atol=1e-6)


def test_wrong_numbers_and_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="top is 0"):
        nearest_images(unit(1, 1)[0], unit(3, 2), 0)
    with pytest.raises(ShapeError, match="query"):
        nearest_images(torch.zeros(4), unit(3, 2), 1)
