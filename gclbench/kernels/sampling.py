"""Draws from parts of an index range, without a number for every pair."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import UsageError
from gclbench.kernels.jit import jit


def thinned(mask: Tensor, k: int, rng: torch.Generator) -> Tensor:
    """Leave k true entries in every row that has more, uniformly among all subsets of k.

    mask (B, N) bool -> the same, on the CPU; the input is left alone. Rows are independent. The
    generator is not used where no row has more than k. Whichever is smaller, the subset that
    stays or the one that goes, is drawn: at most half a row's candidates.
    """
    mask = mask.cpu()
    counts = mask.sum(dim=1)
    draws = torch.where(counts > k, torch.minimum(counts - k, torch.full_like(counts, k)), 0)
    if not bool(draws.any()):
        return mask.clone()
    uniform = torch.rand(int(draws.sum()), generator=rng, dtype=torch.float64)
    thin = mask.numpy().copy()
    _thin(thin, k, draws.numpy(), uniform.numpy())
    return torch.from_numpy(thin)


def one_of_each(mask: Tensor, rng: torch.Generator) -> Tensor:
    """Return the index of one true entry of every row, uniformly: (B, N) bool -> (B,) int64.

    One number a row is drawn. Raises UsageError for a row without a true entry.
    """
    mask = mask.cpu()
    counts = mask.sum(dim=1)
    if bool((counts == 0).any()):
        raise UsageError("there is nothing to draw from.")
    uniform = torch.rand(len(mask), generator=rng, dtype=torch.float64)
    wanted = torch.minimum((uniform * counts).long(), counts - 1)
    # The wanted-th true entry is where the running count first exceeds it.
    running = mask.cumsum(dim=1, dtype=torch.int32)
    return torch.searchsorted(running, (wanted + 1).to(torch.int32)[:, None])[:, 0]


@jit
def _thin(
    mask: NDArray[np.bool_], k: int, draws: NDArray[np.int64], uniform: NDArray[np.float64]
) -> None:
    """A partial Fisher-Yates shuffle of each row's true entries."""
    used, pool = 0, np.empty(mask.shape[1], dtype=np.int64)
    for row in range(len(mask)):
        if draws[row] == 0:
            continue
        size = 0
        for column in range(mask.shape[1]):
            pool[size] = column
            size += mask[row, column]
        for t in range(draws[row]):
            left = size - t
            other = t + min(int(uniform[used] * left), left - 1)
            used += 1
            pool[t], pool[other] = pool[other], pool[t]
        stays = draws[row] == k
        if stays:
            mask[row, :] = False
        for t in range(draws[row]):
            mask[row, pool[t]] = stays
