"""The images nearest to one query, by the distance that evaluation ranks by."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.similarity import finite_rows, pair_products, smallest


def nearest_images(
    query: Tensor, features: Tensor, top: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows and squared Euclidean distances d = 2 - 2 x.y of the `top` nearest, ascending.

    query (E,) and features (N, E) are unit vectors; equal distances go by row. Raises ShapeError,
    UsageError for top < 1 or numbers that are not finite.
    """
    if top < 1:
        raise UsageError(f"top is {top}, it must be at least 1.")
    if query.shape != features.shape[1:]:
        raise ShapeError(
            f"the query has shape {tuple(query.shape)}, features {tuple(features.shape)}."
        )
    count = len(features)
    matrix = finite_rows(torch.cat([features.cpu(), query.cpu()[None]]))
    similarity = pair_products(matrix, np.full(count, count), np.arange(count))
    distances = torch.from_numpy(2 - 2 * similarity).clamp_(min=0).float()
    rows, values = smallest(distances[None], min(top, count))
    return rows[0], values[0]
