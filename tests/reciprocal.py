"""k-reciprocal Jaccard distance by loops over points and sets: the oracle of all that takes it.

Written from the evaluation facts (sections 4 and 6), not from the kernels.
"""

from __future__ import annotations

import numpy as np


def jaccard_loop(
    d: np.ndarray, k2: int, full: int, half: int, order: np.ndarray | None = None
) -> np.ndarray:
    """J of every pair from distances d (N, N), whose rows give the weights exp(-d).

    Lists are sorted by `order` (N, N), or else by d, the point itself first and equal ones by
    index; `full` and `half` are their lengths, the point itself counted.
    """
    n, by = len(d), d if order is None else order
    rank = [sorted(range(n), key=lambda j: (j != i, by[i][j], j)) for i in range(n)]

    def mutual(i: int, size: int) -> set[int]:
        return {j for j in rank[i][:size] if i in rank[j][:size]}

    v = np.zeros((n, n))
    for i in range(n):
        near = mutual(i, full)
        grown = set(near)
        for j in near:
            theirs = mutual(j, half)
            if 3 * len(theirs & near) > 2 * len(theirs):
                grown |= theirs
        for j in sorted(grown):
            v[i, j] = np.exp(-d[i][j])
        v[i] /= v[i].sum()
    v = np.stack([v[rank[i][:k2]].mean(axis=0) for i in range(n)])
    shared = np.array([[np.minimum(a, b).sum() for b in v] for a in v])
    return np.maximum(1 - shared / (2 - shared), 0)
